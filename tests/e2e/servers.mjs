// The service as it is deployed: a real web server with one of the files of deploy/, on free ports of the loopback
// interface, with a folder of its own. The files stand as they are shipped but for paths, ports and users, which are
// replaced here.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
    chmodSync,
    chownSync,
    copyFileSync,
    mkdirSync,
    readFileSync,
    readdirSync,
    rmSync,
    statSync,
    writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { assertHarmless, rememberSettings, sampleCommandLines } from './secrets.mjs';
import { Service, build, exchange, freePort, root, run, temporaryFolder, until } from './service.mjs';

export const isRoot = process.getuid() === 0;
const startMs = 30_000;
const stopMs = 15_000;
const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
const secrets = {
    JWT_SECRET: 'a-jwt-secret-of-more-than-thirty-two-bytes',
    AGORA_APP_ID: '970ca35de60c44645bbae8a215061b33',
    AGORA_APP_CERTIFICATE: '5cfd2fd1755d40ecb72977518be15d3b',
    SERVICE_TOKEN: 'the-backends-token-of-every-deployment',
};

const shipped = (name) => readFileSync(path.join(root, 'deploy', name), 'utf8');

// Puts the test's own in the place of what is shipped; each must be there.
export function replaced(text, places) {
    for (const [place, here] of Object.entries(places)) {
        assert.ok(text.includes(place), `${place} stands in:\n${text}`);
        text = text.replaceAll(place, here);
    }
    return text;
}

// The lines of the operators' page that begin like this.
export function commands(beginning, count) {
    const lines = shipped('README.md')
        .split('\n')
        .filter((line) => line.startsWith(`    ${beginning}`));
    assert.equal(lines.length, count, `${beginning} in deploy/README.md`);
    return lines.map((line) => line.trim());
}

function check({ status, stderr, error }) {
    assert.equal(error, undefined);
    assert.equal(status, 0, String(stderr));
}

const running = new Set();
process.on('exit', () => {
    for (const child of running) child.kill('SIGTERM');
});

const programs = ['session-voice', ...['meter', 'attest', 'notify', 'admin'].map((name) => `session-voice-${name}`)];

// A folder for all copies of the service: the programs where every user may run them, a certificate, and a home. Root
// makes a user for it, as whom the programs run; others are that user themselves.
export class Host {
    constructor() {
        this.folder = temporaryFolder();
        this.home = path.join(this.folder, 'home');
        this.bin = path.join(this.home, 'bin');
        this.certificates = path.join(this.folder, 'certificates');
        for (const folder of [this.home, this.bin, this.certificates]) mkdirSync(folder);
        chmodSync(this.folder, 0o755);
        for (const program of programs) copyFileSync(path.join(build, program), path.join(this.bin, program));
        const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'privkey.pem'];
        const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'];
        const args = ['req', '-x509', ...key, ...names, '-days', '2', '-out', 'fullchain.pem'];
        check(spawnSync('openssl', args, { cwd: this.certificates }));
        this.ca = readFileSync(path.join(this.certificates, 'fullchain.pem'));
        if (isRoot) this.addUser();
    }

    addUser() {
        this.name = `voice-test-${process.pid}`;
        const shape = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin'];
        check(spawnSync('/usr/sbin/useradd', [...shape, '--home-dir', this.home, this.name]));
        process.on('exit', () => this.removeUser());
        const entry = new RegExp(`^${this.name}:x:(\\d+):(\\d+):`, 'm');
        const [, uid, gid] = readFileSync('/etc/passwd', 'utf8').match(entry);
        this.user = { uid: Number(uid), gid: Number(gid) };
        this.give(this.home);
    }

    removeUser() {
        if (this.name !== undefined) check(spawnSync('/usr/sbin/userdel', [this.name]));
        this.name = undefined;
    }

    give(...files) {
        if (this.user !== undefined) for (const file of files) chownSync(file, this.user.uid, this.user.gid);
    }

    async remove() {
        for (const child of running) child.kill('SIGKILL'); // of a test that failed
        await Promise.all([...running].map((child) => child.exit));
        this.removeUser();
        for (const name of readdirSync(this.home).filter((each) => each.endsWith('.log')))
            assertHarmless(name, readFileSync(path.join(this.home, name), 'utf8'));
        rmSync(this.folder, { recursive: true });
    }
}

// `server` writes the configuration and gives back the command that runs the server in the foreground. `mount` is where
// the service is found, '' for the root. `cgi` means that no workers are started and that all runs as the host's user.
// `workersEnvironment` is put into that of the workers alone.
export class Deployment extends Service {
    constructor(host, { server, mount = '', tls = false, cgi = false, workersEnvironment = {} }, settings) {
        super(temporaryFolder(), {}, false, host.bin);
        Object.assign(this, { host, server, mount, tls, cgi, workersEnvironment });
        this.children = [];
        if (cgi) this.config = path.join(host.home, 'session-voice.env');
        this.settings = { DATABASE_PATH: path.join(this.folder, 'data', 'session-voice.db'), ...secrets, ...settings };
        rememberSettings(this.settings);
        chmodSync(this.folder, 0o755);
        for (const name of ['data', 'html', 'uploads', 'log']) mkdirSync(path.join(this.folder, name));
        this.host.give(path.join(this.folder, 'data'));
        const servers = ['uploads', 'log'].map((name) => path.join(this.folder, name));
        if (cgi) this.host.give(this.folder, ...servers);
        else if (isRoot) for (const name of servers) chmodSync(name, 0o777);
        const lines = Object.entries(this.settings).map(([name, value]) => `${name}=${value}\n`);
        writeFileSync(this.config, lines.join(''), { mode: 0o600 });
        this.host.give(this.config);
    }

    async startOnce() {
        this.port = await freePort();
        this.tlsPort = await freePort();
        const migrated = await this.admin('migrate');
        assert.equal(migrated.code, 0, migrated.stderr);
        if (!this.cgi) await this.startWorkers();
        const [program, ...args] = this.server(this);
        this.spawn(program, args, this.cgi ? this.host.user : {});
        await until(
            async () => {
                this.assertRunning();
                return (await this.get('/health').catch((error) => error)).status === 200;
            },
            'the service is ready',
            startMs,
        );
        return this;
    }

    async start(attempts = 3) {
        try {
            return await this.startOnce();
        } catch (error) {
            await this.end();
            const isTaken = /Address already in use/.test(this.logs());
            if (attempts > 1 && isTaken) return this.start(attempts - 1);
            error.message += `\n${this.logs()}`;
            throw error;
        }
    }

    spawn(program, args, user) {
        const env = { ...environment, SESSION_VOICE_TEST: this.folder };
        const child = spawn(program, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], ...user });
        running.add(child);
        sampleCommandLines();
        child.exit = new Promise((resolve) => child.on('close', resolve));
        child.on('exit', () => running.delete(child));
        this.output ??= '';
        for (const stream of [child.stdout, child.stderr])
            stream.setEncoding('utf8').on('data', (text) => (this.output += text));
        this.children.push(child);
    }

    assertRunning() {
        for (const child of this.children) assert.equal(child.exitCode, null, `${child.spawnargs.join(' ')} ended`);
    }

    // By the operators' page, in the foreground.
    async startWorkers() {
        const users = '-u session-voice -g session-voice -G www-data';
        const more = Object.entries(this.workersEnvironment).map(([name, value]) => `${name}='${value}' `);
        const env = more.length > 0 ? `/usr/bin/env ${more.join('')}` : '';
        for (const command of commands('spawn-fcgi ', 3)) {
            const here = replaced(command, {
                'spawn-fcgi ': 'exec spawn-fcgi -n ',
                '/run/session-voice/': `${this.folder}/`,
                [users]: isRoot ? users.replaceAll('session-voice', this.host.name) : '',
                '/usr/bin/session-voice': `${env}${this.host.bin}/session-voice --config ${this.config}`,
            });
            this.spawn('/bin/sh', ['-c', here], {});
        }
        for (const name of ['read.sock', 'disk.sock', 'chain.sock']) {
            const socket = path.join(this.folder, name);
            await until(() => {
                this.assertRunning();
                return ((statSync(socket, { throwIfNoEntry: false })?.mode ?? 0) & 0o777) === 0o660;
            }, `${name} is there`);
        }
    }

    supervisors() {
        return this.children.map(({ pid }) => pid).filter((pid) => this.nameOf(pid) === 'session-voice');
    }

    // The processes that the supervisors keep.
    workers() {
        const supervisors = this.children.map((child) => child.pid);
        return this.processes().filter((pid) => this.nameOf(pid) === 'session-voice' && !supervisors.includes(pid));
    }

    request(method, rawPath, options) {
        return exchange(this.tls ? this.tlsPort : this.port, method, rawPath, {
            mount: this.mount,
            ...(this.tls ? { ca: this.host.ca } : {}),
            ...options,
        });
    }

    admin(...args) {
        return this.program('session-voice-admin', args);
    }

    meter(args) {
        return this.program('session-voice-meter', args);
    }

    // Where there is a home, the settings are found in it.
    program(name, args) {
        const named = this.cgi ? [] : ['--config', this.config];
        const options = { env: environment, cwd: '/', user: this.host.user };
        return run(path.join(this.host.bin, name), [...named, ...args], options);
    }

    log(name) {
        return readFileSync(path.join(this.folder, 'log', name), 'utf8');
    }

    // With what the server and the workers print.
    logs() {
        const names = readdirSync(path.join(this.folder, 'log'));
        return [this.output, ...names.map((name) => this.log(name))].join('');
    }

    async endWorkers() {
        const workers = this.children.splice(0, 3);
        for (const child of workers) child.kill('SIGTERM');
        for (const child of workers) await child.exit;
    }

    async end() {
        for (const child of this.children) child.kill('SIGTERM');
        for (const child of this.children) await child.exit;
        this.children = [];
    }

    async stop() {
        await this.end();
        await until(() => this.processes().length === 0, 'every process of the service is gone', stopMs);
        assert.doesNotMatch(this.logs(), /Sanitizer|runtime error|Assertion|terminate called/);
        this.assertSecretsKept();
        rmSync(this.folder, { recursive: true });
    }

    write(name, text) {
        const file = path.join(this.folder, name);
        // No place of production may be left, but what Debian's servers have for everybody.
        const known = text.replaceAll('/etc/nginx/fastcgi_params', '').replaceAll('/etc/lighttpd/conf-available/', '');
        const strays = /^[^#\n]*(\/run\/|\/etc\/|\/var\/|\/usr\/lib\/cgi-bin|example\.org).*/m;
        assert.equal(known.match(strays)?.[0], undefined, name);
        writeFileSync(file, text);
        return file;
    }

    // What most files have in common.
    places(...names) {
        const all = {
            '/run/session-voice/': `${this.folder}/`,
            '/var/www/html': `${this.folder}/html`,
            '/var/log/lighttpd/': `${this.folder}/log/`,
            '/var/log/nginx/session-voice-': `${this.folder}/log/`,
            '/var/log/apache2/session-voice-': `${this.folder}/log/`,
            '/etc/letsencrypt/live/voice.example.org/': `${this.host.certificates}/`,
            'https://voice.example.org': `https://localhost:${this.tlsPort}`,
            'voice.example.org': 'localhost',
            '/usr/lib/cgi-bin': `${this.host.home}/cgi-bin`,
        };
        return Object.fromEntries(names.map((name) => [name, all[name]]));
    }
}

// ---- lighttpd ----

const lighttpdCommand = (file) => ['lighttpd', '-D', '-f', file];

const lighttpdPlaces = (copy) => ({
    'server.port = 80': `server.bind = "127.0.0.1"\nserver.port = ${copy.port}`,
    '"[::]:80"': `"[::1]:${copy.port}"`,
    '/run/lighttpd.pid': `${copy.folder}/lighttpd.pid`,
    '/var/cache/lighttpd/uploads': `${copy.folder}/uploads`,
    ...copy.places('/var/www/html', '/var/log/lighttpd/'),
});

function lighttpd(copy) {
    const places = { ...lighttpdPlaces(copy), ...copy.places('/run/session-voice/') };
    if (copy.tls) {
        places['\n#include "lighttpd-tls.conf"'] = '\ninclude "lighttpd-tls.conf"';
        const tls = replaced(shipped('lighttpd-tls.conf'), {
            '0.0.0.0:443': `127.0.0.1:${copy.tlsPort}`,
            '[::]:443': `[::1]:${copy.tlsPort}`,
            ...copy.places('/etc/letsencrypt/live/voice.example.org/', 'https://voice.example.org'),
        });
        copy.write('lighttpd-tls.conf', tls);
    }
    return lighttpdCommand(copy.write('lighttpd.conf', replaced(shipped('lighttpd.conf'), places)));
}

// In the place of Debian's lighttpd.conf, with its rules for URLs.
function lighttpdPrefix(copy) {
    const site = replaced(shipped('lighttpd-prefix.conf'), copy.places('/run/session-voice/'));
    copy.write('60-session-voice.conf', site);
    const needed = site.match(/(?<=^# -\*- depends: ).*(?= -\*-$)/m)[0].split(', ');
    return lighttpdCommand(
        copy.write(
            'lighttpd.conf',
            `server.modules = ( "mod_indexfile", "mod_access", "mod_alias", "mod_redirect" )
server.document-root = "${copy.folder}/html"
server.upload-dirs = ( "${copy.folder}/uploads" )
server.errorlog = "${copy.folder}/log/error.log"
${isRoot ? 'server.username = "www-data"\nserver.groupname = "www-data"' : ''}
server.bind = "127.0.0.1"
server.port = ${copy.port}
$SERVER["socket"] == "[::1]:${copy.port}" { }
server.http-parseopts = (
    "url-normalize-unreserved" => "enable",
    "url-normalize-required" => "enable",
    "url-ctrls-reject" => "enable",
    "url-path-2f-decode" => "enable",
    "url-path-dotseg-remove" => "enable",
)
${needed.map((name) => `include_shell "cat /etc/lighttpd/conf-available/*-${name}.conf"`).join('\n')}
include "60-session-voice.conf"
server.modules += ( "mod_dirlisting", "mod_staticfile" )
`,
        ),
    );
}

function lighttpdCgi(copy) {
    install(copy.host);
    const places = { ...lighttpdPlaces(copy), ...copy.places('/usr/lib/cgi-bin') };
    return lighttpdCommand(copy.write('lighttpd.conf', replaced(shipped('lighttpd-cgi.conf'), places)));
}

// ---- nginx ----

// In the place of Debian's nginx.conf, changed as the operators' page says.
function nginxCommand(copy, site) {
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const [edit] = commands("sed -i 's/^\\(\\s*worker_connections", 1);
    const file = copy.write(
        'nginx.conf',
        `${isRoot ? 'user www-data;' : ''}
worker_processes 2;
pid ${copy.folder}/nginx.pid;
error_log ${copy.folder}/log/error.log;
events {
    worker_connections 768;
}
http {
    ${temporary.map((name) => `${name}_temp_path ${copy.folder}/uploads/${name};`).join('\n    ')}
    sendfile on;
    tcp_nopush on;
    gzip on;
    access_log ${copy.folder}/log/access.log;
    default_type application/octet-stream;
    include ${copy.write('limits', shipped('nginx-limits.conf'))};
    include ${site};
}
`,
    );
    check(spawnSync('/bin/sh', ['-c', replaced(edit, { '/etc/nginx/nginx.conf': file })]));
    return ['nginx', '-e', `${copy.folder}/log/error.log`, '-c', file, '-g', 'daemon off;'];
}

function nginx(copy) {
    const places = {
        'include fastcgi_params;': 'include /etc/nginx/fastcgi_params;',
        'listen 80;': `listen 127.0.0.1:${copy.port};`,
        'listen [::]:80;': `listen [::1]:${copy.port};`,
        ...copy.places('/run/session-voice/', '/var/log/nginx/session-voice-'),
    };
    if (copy.tls)
        Object.assign(places, {
            'listen 443 ': `listen 127.0.0.1:${copy.tlsPort} `,
            'listen [::]:443 ': `listen [::1]:${copy.tlsPort} `,
            ...copy.places('/var/www/html', '/etc/letsencrypt/live/voice.example.org/', 'https://voice.example.org'),
        });
    Object.assign(places, copy.places('voice.example.org'));
    const site = shipped(copy.tls ? 'nginx-tls.conf' : 'nginx.conf');
    return nginxCommand(copy, copy.write('site', replaced(site, places)));
}

function nginxPrefix(copy) {
    const snippet = replaced(shipped('nginx-prefix.conf'), {
        'include fastcgi_params;': 'include /etc/nginx/fastcgi_params;',
        ...copy.places('/run/session-voice/'),
    });
    const site = `server {
    listen 127.0.0.1:${copy.port};
    listen [::1]:${copy.port};
    root ${copy.folder}/html;
    include ${copy.write('snippet', snippet)};
}
`;
    return nginxCommand(copy, copy.write('site', site));
}

// ---- Apache ----

// What Debian turns on by itself, of what matters here.
const debianModules = 'alias authz_core dir env filter deflate mime reqtimeout setenvif'.split(' ');
const needs = { ssl: ['socache_shmcb'] };

// In the place of Debian's apache2.conf and ports.conf.
function apacheCommand(copy, modules, site, mpm = 'mpm_event') {
    const all = new Set([mpm, ...debianModules, ...modules.flatMap((name) => [...(needs[name] ?? []), name])]);
    const ports = copy.tls ? [copy.port, copy.tlsPort] : [copy.port];
    const file = copy.write(
        'apache2.conf',
        `ServerRoot ${copy.folder}
DefaultRuntimeDir ${copy.folder}
PidFile ${copy.folder}/apache2.pid
ServerName localhost
${isRoot && !copy.cgi ? 'User www-data\nGroup www-data' : ''}
${ports.map((port) => `Listen 127.0.0.1:${port}\nListen [::1]:${port}`).join('\n')}
${[...all].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
StartServers 1
TypesConfig /dev/null
ErrorLog ${copy.folder}/log/error.log
RequestReadTimeout header=20-40,minrate=500 body=10,minrate=500
LogFormat "%h %l %u %t \\"%r\\" %>s %O" combined
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory ${copy.folder}/html>
    Require all granted
</Directory>
Include ${copy.write('limits', shipped('apache-limits.conf'))}
Include ${site}
`,
    );
    return ['apache2', '-D', 'FOREGROUND', '-f', file];
}

// The modules that the operators' page has turned on.
function enabled(count) {
    const lines = commands('a2enmod ', 2).slice(0, count);
    return lines.flatMap((line) => line.replace(/#.*/, '').trim().split(' ').slice(1));
}

const apachePlaces = (copy) => ({
    '<VirtualHost *:80>': `<VirtualHost *:${copy.port}>`,
    ...copy.places('/var/log/apache2/session-voice-'),
});

function apache(copy) {
    const places = { ...apachePlaces(copy), ...copy.places('/run/session-voice/') };
    if (copy.tls)
        Object.assign(places, {
            '<VirtualHost *:443>': `<VirtualHost *:${copy.tlsPort}>`,
            ...copy.places('/var/www/html', '/etc/letsencrypt/live/voice.example.org/', 'https://voice.example.org'),
        });
    Object.assign(places, copy.places('voice.example.org'));
    const site = copy.write('site', replaced(shipped(copy.tls ? 'apache-tls.conf' : 'apache.conf'), places));
    return apacheCommand(copy, enabled(copy.tls ? 2 : 1), site);
}

function apachePrefix(copy) {
    const snippet = copy.write('snippet', replaced(shipped('apache-prefix.conf'), copy.places('/run/session-voice/')));
    const site = `<VirtualHost *:${copy.port}>\nDocumentRoot ${copy.folder}/html\nInclude ${snippet}\n</VirtualHost>\n`;
    return apacheCommand(copy, enabled(1), copy.write('site', site));
}

// Debian takes mod_cgid with threads, and mod_cgi without.
const apacheCgi = (mpm, module) => (copy) => {
    install(copy.host);
    const places = { ...apachePlaces(copy), ...copy.places('voice.example.org', '/usr/lib/cgi-bin') };
    const site = copy.write('site', replaced(shipped('apache-cgi.conf'), places));
    return apacheCommand(copy, [module, 'headers'], site, mpm);
};

// A host that leaves its users nothing but .htaccess: `allowed` is what may stand in it.
const sharedApache = (allowed, htaccess) => (copy) => {
    install(copy.host, htaccess);
    const site = `TraceEnable off
<VirtualHost *:${copy.port}>
ScriptAlias /cgi-bin/ ${copy.host.home}/cgi-bin/
<Directory ${copy.host.home}/cgi-bin>
    AllowOverride ${allowed}
    Require all granted
</Directory>
</VirtualHost>
`;
    return apacheCommand(copy, ['cgid'], copy.write('site', site));
};

// The program in the home's cgi-bin.
function install(host, htaccess) {
    const folder = path.join(host.home, 'cgi-bin');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    copyFileSync(path.join(host.bin, 'session-voice'), path.join(folder, 'session-voice'));
    if (htaccess !== undefined) writeFileSync(path.join(folder, '.htaccess'), htaccess);
    host.give(folder, ...readdirSync(folder).map((name) => path.join(folder, name)));
}

// As its comment says, for a host that forbids the first way.
const otherHtaccess = () =>
    replaced(shipped('htaccess'), { '\nCGIPassAuth On': '\n#CGIPassAuth On', '\n#SetEnvIf': '\nSetEnvIf' });

// Apache could not know the length of one in chunks beforehand.
const streams = { chunked: 411 };
const cgiMount = '/cgi-bin/session-voice';
export const variants = {
    lighttpd: { server: lighttpd },
    'lighttpd with TLS': { server: lighttpd, tls: true },
    'lighttpd at a prefix': { server: lighttpdPrefix, mount: '/voice', ownSite: false },
    nginx: { server: nginx },
    'nginx with TLS': { server: nginx, tls: true },
    'nginx at a prefix': { server: nginxPrefix, mount: '/voice', ownSite: false },
    Apache: { server: apache, ...streams },
    'Apache with TLS': { server: apache, tls: true, ...streams },
    'Apache at a prefix': { server: apachePrefix, mount: '/voice', ownSite: false, ...streams },
};
// The server's own log, and no way to have it trust the program's Content-Length.
const shared = { ownSite: false, chunked: 400, countsBytes: false, crontab: true };
export const cgiVariants = {
    'lighttpd, plain CGI': { server: lighttpdCgi, mount: cgiMount, alias: '/voice' },
    'Apache, plain CGI': { server: apacheCgi('mpm_event', 'cgid'), mount: cgiMount, alias: '/voice', chunked: 400 },
    'Apache without threads, plain CGI': {
        server: apacheCgi('mpm_prefork', 'cgi'),
        mount: cgiMount,
        alias: '/voice',
        chunked: 400,
    },
    'a shared host with Apache': {
        server: sharedApache('AuthConfig', shipped('htaccess')),
        mount: cgiMount,
        ...shared,
    },
    'a shared host that forbids CGIPassAuth': {
        server: sharedApache('FileInfo', otherHtaccess()),
        mount: cgiMount,
        ...shared,
    },
};
