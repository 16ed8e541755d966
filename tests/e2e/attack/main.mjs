// Every attack in its long form, against every way to run the service; prints what held.
import { Deployment, Host, cgiVariants, variants } from '../servers.mjs';
import { long, onCgi, onWorkers, settings } from './attacks.mjs';

const counts = { held: 0, not: 0 };

async function attack(host, name, variant, attacks) {
    for (const { name: what, run } of attacks) {
        let line;
        try {
            const deployment = await new Deployment(host, variant, settings).start();
            line = `held     ${name}: ${what}: ${await run(deployment, long)}`;
            await deployment.audit();
            await deployment.stop();
            counts.held += 1;
        } catch (error) {
            line = `NOT HELD ${name}: ${what}: ${error.message.split('\n')[0]}`;
            counts.not += 1;
        }
        console.log(line);
    }
}

const host = new Host();
for (const name of ['lighttpd', 'nginx', 'Apache']) await attack(host, name, variants[name], onWorkers);
for (const name of ['lighttpd, plain CGI', 'Apache, plain CGI', 'Apache without threads, plain CGI'])
    await attack(host, name, { ...cgiVariants[name], cgi: true }, onCgi);
await host.remove();
console.log(`${counts.held} held, ${counts.not} did not`);
process.exit(counts.not === 0 ? 0 : 1);
