// A secret of its own in every place of a configuration that can hold one, servers that send back whatever they are sent, and then
// everything that the real program prints, logs, mails, serves and shows of itself is looked through for them.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { BIN, command, exec, Site, signal } from '../e2e/program.ts';
import { Client } from '../status/web/site.ts';
import { smtpRecorder } from '../system/smtp-recorder.ts';
import { until } from '../until.ts';

/** Greets, and sends back whatever it is sent; to HTTP as an answer with it in the status, a header and the body. */
async function parrot(greeting = ''): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (greeting !== '') socket.write(greeting);
    socket.on('data', (data) => {
      const text = data.toString('latin1');
      const [, said] = /^(?:GET|HEAD) (.*)\r\n/.exec(text) ?? [];
      if (said === undefined) return void socket.write(data);
      socket.end(`HTTP/1.1 500 No ${said}\r\nContent-Length: ${said.length}\r\nX-Asked: ${said}\r\n\r\n${said}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** Makes secrets, each told from the others, and finds them in texts. */
class Planted {
  readonly #secrets = new Map<string, string>();

  plant(where: string): string {
    const secret = `Zq${String(this.#secrets.size + 10)}hunter${String(this.#secrets.size + 10)}xW`;
    this.#secrets.set(secret, where);
    return secret;
  }

  get size(): number {
    return this.#secrets.size;
  }

  /** Whose secrets are in a text, also in the usual encodings. */
  foundIn(text: string): string[] {
    return [...this.#secrets].flatMap(([secret, where]) =>
      [secret, Buffer.from(secret).toString('base64').slice(0, 12), Buffer.from(secret).toString('hex')].some((each) =>
        text.includes(each),
      )
        ? [`${where} (${secret})`]
        : [],
    );
  }
}

interface Scene {
  readonly site: Site;
  readonly planted: Planted;
  readonly text: string;
  readonly mails: readonly { readonly message: string }[];
  readonly socket: string;
}

async function scene(): Promise<Scene> {
  const site = new Site();
  const planted = new Planted();
  const s = (where: string): string => planted.plant(where);
  const [tcp, imap, pop, ftp] = await Promise.all([
    parrot(),
    parrot('* OK hello\r\n'),
    parrot('+OK hello\r\n'),
    parrot('220 hello\r\n'),
  ]);
  const recorder = await smtpRecorder();
  const [socket, token] = [join(site.dir, 'status.sock'), join(site.dir, 'token')];
  writeFileSync(token, `${s('the token')}-long-enough\n`, { mode: 0o600 });
  let address = 0;
  const block = (port: number, ...lines: string[]): string[] => [
    `virtual = 10.0.0.1:${2000 + ++address}`,
    `\treal = 127.0.0.1:${port} masq`,
    ...lines.map((line) => `\t${line}`),
  ];
  const login = (service: string): string[] => [
    `service = ${service}`,
    'login = joe',
    `passwd = "${s(`${service}: passwd`)}"`,
  ];
  const text = [
    'checkinterval = 1',
    'checktimeout = 1',
    `emailalert = root@example.com`,
    `smtp = ${recorder.server}`,
    `statuslisten = ${socket}`,
    `statustoken = ${token}`,
    `fallbackcommand = "/bin/false --password=${s('fallbackcommand')}"`,
    ...block(imap, ...login('imap')),
    ...block(pop, ...login('pop')),
    ...block(ftp, ...login('ftp'), `request = "x?pass=${s('ftp: request')}"`),
    ...block(tcp, ...login('ldap'), `request = "cn=x,password=${s('ldap: request')}"`),
    ...block(tcp, ...login('mysql'), `request = "SELECT 1 WHERE password='${s('mysql: request')}'"`, 'database = d'),
    ...block(tcp, ...login('pgsql'), `request = "SELECT 1 WHERE secret='${s('pgsql: request')}'"`, 'database = d'),
    ...block(tcp, ...login('redis'), `request = "AUTH ${s('redis: request')}"`),
    ...block(tcp, ...login('radius'), `secret = ${s('radius: secret')}`, 'protocol = udp'),
    ...block(tcp, 'service = http', `request = "up?password=${s('http: request')}"`, `receive = "pwd=${s('receive')}"`),
    ...block(tcp, 'service = http', `request = "up?x=1&api_key=${s('http: key')}"`),
    ...block(tcp, 'service = http_proxy', `request = "http://joe:${s('http: user')}@127.0.0.1:${tcp}/"`),
    ...block(tcp, 'service = simpletcp', `request = "token=${s('simpletcp: request')}"`, 'receive = "never"'),
    ...block(tcp, 'checktype = external', `checkcommand = "/bin/false --password ${s('checkcommand')}"`),
    ...block(tcp, 'checktype = external', `checkcommand = "/no/such --token=${s('no checkcommand')}"`),
    `virtual = 10.0.0.1:3000`,
    `\treal = 127.0.0.1:${tcp} masq 1 "own?secret=${s('real: request')}", "(token=${s('real: receive')})"`,
    '\tservice = http',
    `\tmonitorfile = ${join(site.dir, 'monitor')}`,
    '',
  ].join('\n');
  site.configure(text);
  return { site, planted, text, mails: recorder.mails, socket };
}

/** Everything that the daemon has written into the site's directory, but for what the test has put there. */
function written({ dir, config }: Site): string {
  return readdirSync(dir)
    .map((name) => join(dir, name))
    .filter((path) => path !== config && !path.endsWith('/token') && statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'latin1') : '');

test('no secret of the configuration is shown by anything', async () => {
  const { site, planted, text, mails, socket } = await scene();
  expect(planted.size).toBeGreaterThan(20);
  const shown = new Map<string, string>();
  const run = async (name: string, ran: ReturnType<typeof exec>): Promise<void> => {
    const { stdout, stderr } = await ran;
    shown.set(name, stdout + stderr);
  };
  await run('start', site.run('start'));
  const web = new Client(`unix:${socket}`);
  await until(
    'every first check',
    () =>
      web.get('/readyz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    () => site.log,
  );
  await until('a line for each fallback command', () => site.log.split('Fallback command').length > 15);
  await until('a line of the monitorfile', () => read(join(site.dir, 'monitor')) !== '');
  await until('mail', () => mails.length > 0);

  for (const words of ['status', 'status --json', 'show', 'show --json', 'check', 'check --json', 'check --explain'])
    await run(words, site.run(...(words.split(' ') as [string])));
  await run('check --explain --json', site.run('check', '--explain', '--json'));
  await run('plan', site.run('plan'));
  await run('recheck', exec(['recheck', 'all', '-f', site.config, ...site.flags]));
  await run('drain', exec(['drain', 'all', 'all', '-f', site.config, ...site.flags]));
  await run('the command lines', command(['/bin/cat', ...site.pids().map((pid) => `/proc/${pid}/cmdline`)]));
  for (const path of [
    '/',
    '/api/v1/status',
    '/metrics',
    '/openapi.json',
    '/healthz',
    '/api/v1/services/tcp%3A10.0.0.1%3A2001',
  ])
    shown.set(path, (await web.get(path)).text);

  // Each line spoilt in its own way.
  site.configure(text.replace(/^(\s*)(\w+) = (.*)$/gm, (_, lead, name, value) => `${lead}${name} = ${value}" x "`));
  await run('check of a broken file', site.run('check'));
  await run('check --json of a broken file', site.run('check', '--json'));
  await run('reload of a broken file', site.run('reload', '--wait'));
  site.configure(text);
  await site.run('stop');
  shown.set('the log, the monitorfile and the rest', written(site));
  shown.set('mail', mails.map(({ message }) => message).join('\n'));

  for (const [name, what] of shown) expect(what, name).not.toBe('');
  expect([...shown].flatMap(([name, what]) => planted.foundIn(what).map((whose) => `${name} shows ${whose}`))).toEqual(
    [],
  );
}, 60_000);

test('nor by a start that shows every check (-d)', async () => {
  const { site, planted, socket } = await scene();
  const web = new Client(`unix:${socket}`);
  const debugged = command([BIN, 'start', '-d', '-f', site.config, ...site.flags]);
  await until('every first check', () =>
    web.get('/readyz').then(
      ({ status }) => status === 200,
      () => false,
    ),
  );
  await site.run('stop');
  const { stdout, stderr } = await debugged;
  expect(stdout).toContain('> ');
  expect(planted.foundIn(stdout + stderr)).toEqual([]);
});

/** Whether a core would lie where its process worked; elsewhere a program takes it, or it is somebody else's directory. */
const isCoreHere =
  /^[^|/]+$/.test(read('/proc/sys/kernel/core_pattern').trim()) &&
  execFileSync('/bin/sh', ['-c', 'ulimit -H -c'], { encoding: 'utf8' }) !== '0\n';
if (!isCoreHere) console.warn('SKIPPED: a core dump of this machine is not to be found');

test.skipIf(!isCoreHere)('nor by a core dump', async () => {
  const { site, planted, socket } = await scene();
  const web = new Client(`unix:${socket}`);
  const start = [BIN, 'start', '-d', '-f', site.config, ...site.flags];
  const ran = command(['/bin/sh', '-c', 'ulimit -c $(ulimit -H -c); exec "$0" "$@"', ...start], site.dir);
  await until('an answer', () => web.get('/healthz').then(Boolean, () => false));
  for (const pid of site.pids()) signal(pid, 'SIGABRT');
  expect((await ran).signal).toBe('SIGABRT');
  const cores = readdirSync(site.dir).filter((name) => name.startsWith('core'));
  expect(cores).toHaveLength(1);
  const dumped = cores.map((name) => readFileSync(join(site.dir, name), 'latin1')).join('');
  expect(dumped).toContain('tsdirectord');
  expect(planted.foundIn(dumped)).toEqual([]);
});

test('what others may read of it is told at the start, and not again once it is mended', async () => {
  const { site } = await scene();
  expect((await site.run('start')).stderr).toContain('every user of this machine may read this secret');
  const told = (): number => site.log.split('may read this secret').length - 1;
  expect(told()).toBe(1);
  chmodSync(site.config, 0o600);
  expect((await site.run('reload', '--wait')).code).toBe(0);
  expect(told()).toBe(1);
});
