// What an attacker tries, in short, against the real web servers; tests/attack.sh does it at length.
import { after, before, describe, it } from 'node:test';
import { Host, isRoot, cgiVariants, variants } from './servers.mjs';
import { attempt, onCgi, onWorkers, short } from './attack/attacks.mjs';

describe('an attacker', { concurrency: 1 }, () => {
    let host;
    before(() => (host = new Host()));
    after(() => host.remove());
    for (const name of ['lighttpd', 'nginx', 'Apache'])
        describe(name, { concurrency: 1 }, () => {
            for (const attack of onWorkers) it(attack.name, () => attempt(host, variants[name], attack, short));
        });
    const skip = !isRoot && 'needs root, to make a user with a home';
    for (const name of ['lighttpd, plain CGI', 'Apache, plain CGI', 'Apache without threads, plain CGI'])
        describe(name, { skip, concurrency: 1 }, () => {
            const variant = { ...cgiVariants[name], cgi: true };
            for (const attack of onCgi) it(attack.name, () => attempt(host, variant, attack, short));
        });
});
