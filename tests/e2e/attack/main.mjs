// Every attack in its long form, against every way to run the service; prints what held.
import { Host, cgiVariants, variants } from '../servers.mjs';
import { attempt, long, onCgi, onWorkers } from './attacks.mjs';

const counts = { held: 0, not: 0 };

async function attack(host, name, variant, attacks, options) {
    for (const each of attacks) {
        try {
            console.log(`held     ${name}: ${each.name}: ${await attempt(host, variant, each, long, options)}`);
            counts.held += 1;
        } catch (error) {
            console.log(`NOT HELD ${name}: ${each.name}: ${error.message.split('\n')[0]}`);
            counts.not += 1;
        }
    }
}

// With the firewall that deploy/README.md recommends, where we have a network of our own.
const options = { firewall: process.argv.includes('--firewall') };
const host = new Host();
for (const name of ['lighttpd', 'nginx', 'Apache']) await attack(host, name, variants[name], onWorkers, options);
for (const name of ['lighttpd, plain CGI', 'Apache, plain CGI', 'Apache without threads, plain CGI'])
    await attack(host, name, { ...cgiVariants[name], cgi: true }, onCgi, options);
await host.remove();
console.log(`${counts.held} held, ${counts.not} did not`);
process.exit(counts.not === 0 ? 0 : 1);
