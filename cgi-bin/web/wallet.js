import { ServiceError } from './http.js';

// Wallets announce themselves (EIP-6963); an older one is only there as window.ethereum.
export async function discoverWallets({ waitMs = 200, window = globalThis.window } = {}) {
    if (window === undefined) return [];
    const found = new Map();
    const note = ({ detail }) => found.set(detail.info.uuid, detail);
    window.addEventListener('eip6963:announceProvider', note);
    window.dispatchEvent(new Event('eip6963:requestProvider'));
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    window.removeEventListener('eip6963:announceProvider', note);
    if (found.size === 0 && window.ethereum)
        return [{ info: { uuid: '', name: 'Browser wallet', icon: '', rdns: '' }, provider: window.ethereum }];
    return [...found.values()];
}

// EIP-1193: 4001. Some bridges and libraries have words of their own.
const refusals = [4001, 5000, 'ACTION_REJECTED'];

async function ask(provider, method, params = []) {
    try {
        return await provider.request({ method, params });
    } catch (error) {
        const isRefusal = refusals.includes(error?.code) || refusals.includes(error?.cause?.code);
        throw new ServiceError(0, isRefusal ? 'refused' : 'wallet_failed', {
            fields: { message: error?.message },
            cause: error,
        });
    }
}

export async function requestWallet(provider) {
    const [address] = (await ask(provider, 'eth_requestAccounts')) ?? [];
    if (!/^0x[0-9a-fA-F]{40}$/.test(address)) throw new ServiceError(0, 'refused');
    return address.toLowerCase();
}

// A message by EIP-4361 and its signature, of a key or of a contract.
export async function signIn(provider, { wallet, nonce, domain, uri, statement, issuedAt }) {
    const chainId = BigInt((await ask(provider, 'eth_chainId')) ?? 1);
    const message = [
        `${domain} wants you to sign in with your Ethereum account:`,
        checksumAddress(wallet),
        '',
        ...(statement ? [statement] : []),
        '',
        `URI: ${uri}`,
        'Version: 1',
        `Chain ID: ${chainId}`,
        `Nonce: ${nonce}`,
        `Issued At: ${issuedAt.toISOString()}`,
    ].join('\n');
    const bytes = new TextEncoder().encode(message);
    const hex = `0x${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
    const signature = await ask(provider, 'personal_sign', [hex, wallet]);
    if (typeof signature !== 'string') throw new ServiceError(0, 'wallet_failed');
    return { message, signature };
}

// EIP-55: a letter is a capital where the hash of the address has a high digit.
export function checksumAddress(wallet) {
    const digits = wallet.slice(2).toLowerCase();
    const hash = keccak256(new TextEncoder().encode(digits));
    const isHigh = (index) => ((hash[index >> 1] >> (index % 2 ? 0 : 4)) & 15) > 7;
    return `0x${[...digits].map((digit, index) => (isHigh(index) ? digit.toUpperCase() : digit)).join('')}`;
}

const word = (1n << 64n) - 1n;
const rotate = (lane, count) => ((lane << BigInt(count)) | (lane >> BigInt(64 - count))) & word;

// Of less than 136 bytes: one block.
function keccak256(bytes) {
    const block = new Uint8Array(200);
    block.set(bytes);
    block[bytes.length] = 1;
    block[135] |= 128;
    const view = new DataView(block.buffer);
    const lanes = Array.from({ length: 25 }, (_, index) => view.getBigUint64(8 * index, true));
    permute(lanes);
    lanes.slice(0, 4).forEach((lane, index) => view.setBigUint64(8 * index, lane, true));
    return block.slice(0, 32);
}

// Keccak-f[1600]; the round constants come from its own shift register.
function permute(lanes) {
    let register = 1;
    for (let round = 0; round < 24; round += 1) {
        const columns = [0, 1, 2, 3, 4].map((x) => [0, 5, 10, 15, 20].reduce((sum, y) => sum ^ lanes[x + y], 0n));
        for (let i = 0; i < 25; i += 1) lanes[i] ^= columns[(i + 4) % 5] ^ rotate(columns[(i + 1) % 5], 1);
        let [x, y, moved] = [1, 0, lanes[1]];
        for (let step = 0; step < 24; step += 1) {
            [x, y] = [y, (2 * x + 3 * y) % 5];
            [lanes[x + 5 * y], moved] = [rotate(moved, (((step + 1) * (step + 2)) / 2) % 64), lanes[x + 5 * y]];
        }
        for (let row = 0; row < 25; row += 5) {
            const old = lanes.slice(row, row + 5);
            for (let i = 0; i < 5; i += 1) lanes[row + i] = old[i] ^ (~old[(i + 1) % 5] & word & old[(i + 2) % 5]);
        }
        for (let bit = 1; bit <= 64; bit *= 2) {
            if (register & 1) lanes[0] ^= 1n << BigInt(bit - 1);
            register = register & 128 ? ((register << 1) ^ 0x171) & 255 : register << 1;
        }
    }
}
