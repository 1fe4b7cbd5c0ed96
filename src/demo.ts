// `npm start`: the daemon on the in-memory kernel with two real web servers, one of which is broken and healed. Ends by itself.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(__dirname, '..');
/** The whole demonstration is over by then, whatever happens. */
const DEADLINE_MS = 50_000;
/** Time to read what has just been shown. */
const READING_MS = 2_500;
const SERVERS = ['127.0.0.1:8048', '127.0.0.1:8049'] as const;

/** A web server whose answer to lbcheck.html can be changed. */
interface WebServer {
  readonly server: Server;
  answer: 'found' | 'error';
  name: string;
}

const color = process.stdout.isTTY === true;
const paint = (code: string, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
const tell = (text: string): void =>
  void process.stdout.write(`\n${paint('1;36', `# ${text.replaceAll('\n', '\n# ')}`)}\n\n`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function startWebServer(wanted: string): Promise<WebServer> {
  const web: WebServer = {
    answer: 'found',
    name: wanted,
    server: createServer((_, response) => {
      response.statusCode = web.answer === 'found' ? 200 : 500;
      response.end(web.answer === 'found' ? 'found\n' : 'out of order\n');
    }),
  };
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      web.server.once('error', reject).listen(port, '127.0.0.1', () => resolve());
    });
  // The port of the configuration where it is free, any other where it is not.
  await listen(Number(wanted.split(':')[1])).catch(() => listen(0));
  web.name = `127.0.0.1:${(web.server.address() as AddressInfo).port}`;
  return web;
}

/** The daemon in the foreground; its log and its table are shown, its single checks are not. */
class ShownDaemon {
  readonly #child: ChildProcess;
  readonly ended: Promise<void>;
  #entry: string[] = [];
  #waiting: { text: string; done: () => void; fail: (error: Error) => void }[] = [];

  constructor(directory: string, config: string) {
    const program = join(ROOT, 'bin', 'tsdirectord');
    const args = ['start', '-d', '--ipvs', 'memory', '--pid-file', join(directory, 'demo.pid'), '-f', config];
    this.#child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const lines = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      if (/^\[\d\d:\d\d:/.test(line)) this.#show();
      this.#entry.push(line);
      // The last entry is only complete when the next one begins; a moment of silence completes it too.
      this.#silence.refresh();
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        clearTimeout(this.#silence);
        this.#show();
        for (const { text, fail } of this.#waiting) fail(new Error(`the daemon ended before it said "${text}"`));
        resolve();
      });
    });
  }

  readonly #silence = setTimeout(() => this.#show(), 50);

  #show(): void {
    const entry = this.#entry.join('\n');
    this.#entry = [];
    const table = entry.includes('the table is now');
    if (entry.includes('DEBUG') && !table) return;
    if (entry !== '')
      process.stdout.write(
        `${table ? `\n    $ ipvsadm -Ln\n${entry.split('\n').slice(1).join('\n')}\n\n` : `${entry}\n`}`,
      );
    const met = this.#waiting.filter(({ text }) => entry.includes(text));
    this.#waiting = this.#waiting.filter((each) => !met.includes(each));
    for (const { done } of met) done();
  }

  /** Resolves when the daemon has logged the text and there was time to read on; rejects when it ends before. */
  async says(text: string): Promise<void> {
    await new Promise<void>((done, fail) => this.#waiting.push({ text, done, fail }));
    await pause(READING_MS);
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }
}

async function demonstrate(
  directory: string,
  webServers: WebServer[],
  onDaemon: (daemon: ShownDaemon) => void,
): Promise<void> {
  const [first, second] = [await startWebServer(SERVERS[0]), await startWebServer(SERVERS[1])];
  webServers.push(first, second);
  const text = readFileSync(join(ROOT, 'fixtures', 'demo.cf'), 'utf8')
    .replace(SERVERS[0], first.name)
    .replace(SERVERS[1], second.name);
  const config = join(directory, 'demo.cf');
  writeFileSync(config, text);

  tell(
    `tsdirectord watches the real servers behind a virtual service, and keeps the kernel's table (IPVS) right.\nHere the table is only in memory, so neither root nor a kernel with IPVS is needed; the rest is real.\nTwo web servers have been started on ${first.name} and ${second.name}. The configuration:`,
  );
  process.stdout.write(text.replace(/^#.*\n/, '').replace(/^/gm, '    '));
  tell('The daemon starts. It asks both servers at once; a server gets traffic after its first good answer.');
  const daemon = new ShownDaemon(directory, config);
  onDaemon(daemon);
  const both = Promise.all([
    daemon.says(`Added real server: ${first.name}`),
    daemon.says(`Added real server: ${second.name}`),
  ]);
  await both;

  tell(
    `Both serve. Now ${second.name} breaks: it answers 500. The next check finds out, at most a second later,\nand its weight becomes 0: no new connections, and those it has may end by themselves (quiescent = yes).`,
  );
  second.answer = 'error';
  await daemon.says(`Quiescent real server: ${second.name}`);

  tell('It is healed. It comes back by itself.');
  second.answer = 'found';
  await daemon.says(`Restored real server: ${second.name}`);

  tell(`${first.name} is shut down altogether.`);
  first.server.close();
  first.server.closeAllConnections();
  await daemon.says(`Quiescent real server: ${first.name}`);

  tell('The daemon is stopped, and takes what is its own out of the table.');
  daemon.stop();
  await daemon.ended;
  tell('That was the demonstration; nothing of it is left. How to go on: README.md, "A first real set-up".');
}

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'tsdirectord-demo-'));
  const webServers: WebServer[] = [];
  let daemon: ShownDaemon | undefined;
  const interrupted = new Promise<number>((resolve) => {
    process.once('SIGINT', () => resolve(130));
    process.once('SIGTERM', () => resolve(143));
  });
  const late = pause(DEADLINE_MS).then(() => {
    process.stderr.write('The demonstration took too long and is ended.\n');
    return 1;
  });
  const done = demonstrate(directory, webServers, (started) => {
    daemon = started;
  }).then(
    () => 0,
    (error) => {
      process.stderr.write(`The demonstration failed: ${error instanceof Error ? error.stack : error}\n`);
      return 1;
    },
  );
  const code = await Promise.race([done, interrupted, late]);
  daemon?.stop();
  await daemon?.ended;
  for (const { server } of webServers) server.close();
  rmSync(directory, { recursive: true, force: true });
  return code;
}

void main().then((code) => process.exit(code));
