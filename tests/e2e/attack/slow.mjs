// Holds connections whose requests never become whole, half of them in the head, half in the body; one that is
// closed is opened anew a second later. Prints an empty line when it has begun; ends by SIGTERM and prints how it went: { opened, open, refused }.
// usage: slow.mjs PORT ADDRESS CONNECTIONS PATH
import net from 'node:net';

const [port, localAddress, connections, path] = process.argv.slice(2);
const reopenMs = 1000;
const dribbleMs = 2000;
const beginnings = [
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Slow: `,
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n{`,
];
const told = { opened: 0, open: 0, refused: 0 };

function open(number) {
    const socket = net.connect({ port: Number(port), host: '127.0.0.1', localAddress });
    let dribble;
    socket.on('connect', () => {
        told.opened += 1;
        told.open += 1;
        socket.write(beginnings[number % 2]);
        dribble = setInterval(() => socket.write(' '), dribbleMs);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
        if (dribble === undefined) told.refused += 1;
        else told.open -= 1;
        clearInterval(dribble);
        setTimeout(() => open(number), reopenMs);
    });
    socket.resume();
}

process.on('SIGTERM', () => {
    process.stdout.write(JSON.stringify(told), () => process.exit(0));
});
for (let number = 0; number < Number(connections); number += 1) open(number);
process.stdout.write('\n');
