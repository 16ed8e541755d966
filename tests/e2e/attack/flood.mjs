// Sends the same requests over many connections, each as fast as answers come, until it is told to stop by SIGTERM.
// Prints an empty line when it has begun, and at the end what came: { statuses: { 200: 17, ... }, broken }. A process of
// its own, so that it takes no time from the client beside it.
// usage: flood.mjs PORT ADDRESS CONNECTIONS <REQUESTS, where REQUESTS is a JSON list of the requests' bytes
import net from 'node:net';

const [port, localAddress, connections] = process.argv.slice(2);
const requests = [];
for await (const chunk of process.stdin) requests.push(chunk);
const bytes = JSON.parse(Buffer.concat(requests).toString());
const reopenMs = 20;
const told = { statuses: {}, broken: 0 };

function open(number) {
    const socket = net.connect({ port: Number(port), host: '127.0.0.1', localAddress });
    let turn = number;
    let text = '';
    const send = () => socket.write(bytes[turn++ % bytes.length]);
    socket.setEncoding('latin1').on('connect', send);
    socket.on('data', (more) => {
        text += more;
        for (;;) {
            const head = text.indexOf('\r\n\r\n');
            if (head < 0) return;
            const status = text.slice(9, 12);
            const length = Number(text.slice(0, head).match(/\r\ncontent-length: (\d+)/i)?.[1] ?? 0);
            if (text.length < head + 4 + length) return;
            text = text.slice(head + 4 + length);
            told.statuses[status] = (told.statuses[status] ?? 0) + 1;
            send();
        }
    });
    socket.on('error', () => (told.broken += 1));
    socket.on('close', () => setTimeout(() => open(number), reopenMs));
}

process.on('SIGTERM', () => {
    process.stdout.write(JSON.stringify(told), () => process.exit(0));
});
for (let number = 0; number < Number(connections); number += 1) open(number);
process.stdout.write('\n');
