// What an attacker tries, in short, against the real web servers; tests/attack.sh does it at length.
import { after, before, describe, it } from 'node:test';
import { Deployment, Host, isRoot, cgiVariants, variants } from './servers.mjs';
import { onCgi, onWorkers, settings, short } from './attack/attacks.mjs';

const startMs = 60_000;

function withstands(host, variant, attacks) {
    let deployment;
    before(async () => (deployment = await new Deployment(host(), variant, settings).start()), { timeout: startMs });
    after(async () => {
        await deployment.audit();
        await deployment.stop();
    });
    for (const { name, run } of attacks) it(name, () => run(deployment, short));
}

describe('an attacker', { concurrency: 1 }, () => {
    let host;
    before(() => (host = new Host()));
    after(() => host.remove());
    for (const name of ['lighttpd', 'nginx', 'Apache'])
        describe(name, { concurrency: 1 }, () => withstands(() => host, variants[name], onWorkers));
    const skip = !isRoot && 'needs root, to make a user with a home';
    for (const name of ['lighttpd, plain CGI', 'Apache, plain CGI', 'Apache without threads, plain CGI'])
        describe(name, { skip, concurrency: 1 }, () =>
            withstands(() => host, { ...cgiVariants[name], cgi: true }, onCgi),
        );
});
