// Chains for the tests: anvil with the contracts, and servers that misbehave as no honest node would.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { createTestClient, encodeDeployData, http as httpTransport, padHex, publicActions, walletActions } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { sleep, until } from './service.mjs';

const solc = createRequire(import.meta.url)('solc');
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const chainId = 6343;

export function compile(name) {
    const input = {
        language: 'Solidity',
        sources: { [name]: { content: readFileSync(here(`contracts/${name}.sol`), 'utf8') } },
        settings: { evmVersion: 'paris', outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
    };
    const output = JSON.parse(solc.compile(JSON.stringify(input)));
    const errors = (output.errors ?? []).filter((error) => error.severity === 'error');
    assert.deepEqual(errors, []);
    const { abi, evm } = output.contracts[name][name];
    return { abi, bytecode: `0x${evm.bytecode.object}` };
}

const running = new Set();
process.on('exit', () => {
    for (const child of running) child.kill('SIGKILL');
});

export class Anvil {
    // `args` are more options of its command line. What is mined is final at once, if they do not say otherwise.
    static async start(...more) {
        if (!more.includes('--slots-in-an-epoch')) more.push('--slots-in-an-epoch', '0');
        const anvil = new Anvil();
        const program = here('node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil');
        const args = ['--host', '127.0.0.1', '--port', '0', '--chain-id', String(chainId), '--accounts', '1', ...more];
        anvil.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
        running.add(anvil.child);
        anvil.child.on('exit', () => running.delete(anvil.child));
        let output = '';
        for (const stream of [anvil.child.stdout, anvil.child.stderr])
            stream.setEncoding('utf8').on('data', (text) => (output = (output + text).slice(-10_000)));
        const listening = await until(
            () => {
                assert.equal(anvil.child.exitCode, null, `anvil ended: ${output}`);
                return output.match(/Listening on 127\.0\.0\.1:(\d+)/);
            },
            'anvil listens',
            30_000,
        );
        anvil.port = Number(listening[1]);
        anvil.url = `http://127.0.0.1:${anvil.port}`;
        const account = mnemonicToAccount('test test test test test test test test test test test junk');
        const chain = {
            id: chainId,
            name: 'test',
            nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
            rpcUrls: { default: { http: [anvil.url] } },
        };
        anvil.client = createTestClient({
            mode: 'anvil',
            account,
            chain,
            transport: httpTransport(),
            pollingInterval: 50,
        })
            .extend(publicActions)
            .extend(walletActions);
        return anvil;
    }

    // By the node's own account. `fees` are set by whoever knows better than the node.
    async deploy(name, args = []) {
        const contract = compile(name);
        const data = encodeDeployData({ ...contract, args });
        const call = { from: this.client.account.address, data, gas: '0x4c4b40', ...this.fees };
        const receipt = await this.mined(await this.request('eth_sendTransaction', call));
        assert.equal(receipt.status, '0x1');
        return { address: receipt.contractAddress, abi: contract.abi };
    }

    // The receipt. The node answers a transaction a moment before it has mined it.
    async mined(hash) {
        for (let tries = 0; tries < 2000; tries += 1) {
            const receipt = await this.request('eth_getTransactionReceipt', hash);
            if (receipt !== null) return receipt;
            await sleep(5);
        }
        throw new Error(`${hash} is not mined`);
    }

    // Until no transaction waits for a block that it could be in.
    async allMined() {
        await until(async () => (await this.request('txpool_status')).pending === '0x0', 'all is mined');
    }

    request(method, ...params) {
        return this.client.request({ method, params });
    }

    // The next blocks' time, until it is set again. It cannot go back.
    async setTime(at) {
        await this.request('anvil_setBlockTimestampInterval', 0);
        await this.request('evm_setNextBlockTimestamp', at);
    }

    async mineByHand() {
        await this.request('evm_setAutomine', false);
    }

    // Mines what waits, and from now on whatever comes at once.
    async mineAll() {
        await this.request('evm_mine');
        await this.request('evm_setAutomine', true);
    }

    async send(contract, functionName, args) {
        const hash = await this.client.writeContract({ ...contract, functionName, args });
        assert.equal((await this.client.waitForTransactionReceipt({ hash })).status, 'success');
    }

    async stop() {
        if (this.child.exitCode !== null || this.child.signalCode !== null) return;
        const end = new Promise((resolve) => this.child.on('exit', resolve));
        this.child.kill('SIGTERM');
        await end;
    }
}

// What the node answers to a JSON-RPC call.
export async function ask(url, call) {
    const headers = { 'Content-Type': 'application/json' };
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(call) })).json();
}

// For a FakeNode that stands in front of a real one.
export const passTo = (url) => (request, response, call) =>
    ask(url, call).then(
        (answer) => json(response, answer),
        () => response.destroy(),
    );

// A node on a port of its own. `answer(request, response, call)` is called for every JSON-RPC call and may be replaced
// at any time.
export class FakeNode {
    static async start(answer) {
        const node = new FakeNode();
        node.answer = answer;
        node.calls = 0;
        node.server = http.createServer((request, response) => {
            const chunks = [];
            request.on('error', () => {});
            response.on('error', () => {});
            request.on('data', (chunk) => chunks.push(chunk));
            request.on('end', () => {
                node.calls += 1;
                node.answer(request, response, JSON.parse(Buffer.concat(chunks).toString()));
            });
        });
        node.sockets = new Set();
        node.server.on('connection', (socket) => {
            node.sockets.add(socket);
            socket.on('error', () => {});
            socket.on('close', () => node.sockets.delete(socket));
        });
        await new Promise((resolve) => node.server.listen(0, '127.0.0.1', resolve));
        node.port = node.server.address().port;
        node.url = `http://127.0.0.1:${node.port}`;
        return node;
    }

    // Ends every exchange that is under way.
    hangUp() {
        for (const socket of this.sockets) socket.destroy();
    }

    async stop() {
        this.hangUp();
        await new Promise((resolve) => this.server.close(resolve));
    }
}

export const json = (response, body) =>
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));

// (string label, bytes32 parentNode) with the label "name", for every wallet.
const word = (number) => padHex(`0x${number.toString(16)}`).slice(2);
export const encodedName = `0x${word(64)}${word(0)}${word(4)}${Buffer.from('name').toString('hex').padEnd(64, '0')}`;
export const encodedNoName = `0x${word(64)}${word(0)}${word(0)}`;

export const answerName = (request, response, call) =>
    json(response, { jsonrpc: '2.0', id: call.id, result: encodedName });
// Accepts, reads, and never answers.
export const hang = () => {};
