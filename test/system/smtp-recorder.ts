// An SMTP server on loopback that records what it is told, and answers as a test wants.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import { certificate } from '../checks/listeners.ts';
import { until } from '../until.ts';

/** One mail as it came in. */
export interface Recorded {
  readonly hello: string;
  readonly tls: boolean;
  readonly from: string;
  readonly to: readonly string[];
  /** With CRLF, dots unstuffed. */
  readonly message: string;
}

export interface RecorderOptions {
  readonly host?: string;
  /** undefined: says nothing at all. */
  readonly greeting?: string | undefined;
  /** Whether STARTTLS is offered, and what becomes of it. */
  readonly startTls?: 'works' | 'refused' | 'broken';
  /**
   * The answer to a command, or to `.` after a message; the usual one when undefined, none at all when null, and `close` ends the
   * connection.
   */
  readonly answer?: (command: string) => string | null | undefined;
}

export interface Recorder {
  /** `host:port` */
  readonly server: string;
  readonly mails: readonly Recorded[];
  /** Commands of all connections. */
  readonly commands: readonly string[];
  /** Resolves when nobody is connected any more. */
  allClosed(): Promise<void>;
}

export async function smtpRecorder(options: RecorderOptions = {}): Promise<Recorder> {
  const { host = '127.0.0.1' } = options;
  const sockets = new Set<Socket>();
  const mails: Recorded[] = [];
  const commands: string[] = [];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    const greeting = 'greeting' in options ? options.greeting : '220 mail.example.com ESMTP';
    if (greeting === undefined) return void socket.resume();
    socket.write(`${greeting}\r\n`);
    new Session(socket, options, mails, commands);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    server: `${host.includes(':') ? `[${host}]` : host}:${port}`,
    mails,
    commands,
    allClosed: async () => void (await until('connections closed', () => sockets.size === 0)),
  };
}

class Session {
  #socket: Socket;
  readonly #options: RecorderOptions;
  readonly #mails: Recorded[];
  readonly #commands: string[];
  #pending = '';
  #tls = false;
  #hello = '';
  #from = '';
  #to: string[] = [];
  #message: string[] | undefined;

  constructor(socket: Socket, options: RecorderOptions, mails: Recorded[], commands: string[]) {
    this.#socket = socket;
    this.#options = options;
    this.#mails = mails;
    this.#commands = commands;
    this.#listen(socket);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pending += chunk.toString('latin1');
    for (let end = this.#pending.indexOf('\r\n'); end >= 0; end = this.#pending.indexOf('\r\n')) {
      const line = this.#pending.slice(0, end);
      this.#pending = this.#pending.slice(end + 2);
      this.#onLine(line);
    }
  };

  #listen(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', () => {}).on('data', this.#onData);
  }

  #onLine(line: string): void {
    if (this.#message !== undefined && line !== '.') {
      this.#message.push(line.startsWith('.') ? line.slice(1) : line);
      return;
    }
    this.#commands.push(line);
    const said = this.#options.answer?.(line);
    if (said === 'close') this.#socket.destroy();
    else if (said !== null) this.#reply(line, said);
  }

  #reply(line: string, said: string | undefined): void {
    const answer = said ?? this.#usual(line);
    this.#socket.write(`${answer}\r\n`);
    if (line === '.') {
      const message = `${(this.#message ?? []).join('\r\n')}\r\n`;
      this.#message = undefined;
      if (!answer.startsWith('2')) return;
      this.#mails.push({ hello: this.#hello, tls: this.#tls, from: this.#from, to: this.#to, message });
      this.#to = [];
    } else if (line === 'DATA' && answer.startsWith('354')) this.#message = [];
    else if (line === 'STARTTLS' && answer.startsWith('220')) this.#secure();
    else if (line.startsWith('RCPT') && answer.startsWith('2')) this.#to.push(line.slice('RCPT TO:'.length));
  }

  #usual(line: string): string {
    const { startTls } = this.#options;
    if (/^(EHLO|HELO) /.test(line)) {
      this.#hello = line;
      const offered = startTls !== undefined && !this.#tls ? '250-STARTTLS\r\n' : '';
      return line.startsWith('EHLO') ? `250-mail.example.com\r\n${offered}250 HELP` : '250 mail.example.com';
    }
    if (line.startsWith('MAIL')) this.#from = line.slice('MAIL FROM:'.length);
    if (line === 'STARTTLS') return startTls === 'refused' ? '454 not now' : '220 go ahead';
    return line === 'DATA' ? '354 go ahead' : '250 ok';
  }

  #secure(): void {
    const plain = this.#socket;
    plain.off('data', this.#onData);
    if (this.#options.startTls === 'broken') return void plain.write('this is no TLS at all\r\n');
    this.#tls = true;
    this.#listen(new TLSSocket(plain, { isServer: true, ...certificate() }));
  }
}
