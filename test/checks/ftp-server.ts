// A scripted FTP server: a control and a data port on loopback, each reply and the data connection behaving as told.
import type { Socket } from 'node:net';
import { type Answer, type Listener, listen } from './listeners.ts';

/** A reply as it is sent; none at all; or what is done instead. "{port}" and "{high},{low}" name the data port. */
export type Reply = string | undefined | ((socket: Socket) => void);

export interface FtpScript {
  /** By command ("USER"), or "greeting", or "done" for what follows the data. */
  readonly [name: string]: Reply | ((socket: Socket) => void);
}

export interface FtpServer {
  readonly control: Listener;
  readonly data: Listener;
  /** Every command line, in the order they came. */
  readonly commands: string[];
  allClosed(): Promise<void>;
}

const HEALTHY: FtpScript = {
  greeting: '220 (vsFTPd 3.0.5)',
  USER: '331 Please specify the password.',
  PASS: '230 Login successful.',
  CWD: '250 Directory successfully changed.',
  TYPE: '200 Switching to Binary mode.',
  EPSV: '229 Entering Extended Passive Mode (|||{port}|)',
  PASV: '227 Entering Passive Mode (127,0,0,1,{high},{low}).',
  RETR: '150 Opening BINARY mode data connection.',
  done: '226 Transfer complete.',
  QUIT: '221 Goodbye.',
};

/**
 * @param file what the data connection sends after RETR, and then ends; or what it does instead
 * @param script what differs from a healthy server
 */
export async function ftpServer(
  file: string | Buffer | ((socket: Socket) => void) = 'found\n',
  script: FtpScript = {},
  { host = '127.0.0.1' } = {},
): Promise<FtpServer> {
  const replies: FtpScript = { ...HEALTHY, ...script };
  const commands: string[] = [];
  const waiting: Socket[] = [];
  const data = await listen((socket) => void waiting.push(socket), { host, atOnce: true });

  const say = (socket: Socket, name: string) => {
    const reply = name in replies ? replies[name] : '502 Command not implemented.';
    if (typeof reply === 'function') reply(socket);
    else if (reply !== undefined) socket.write(`${withPort(reply, data.port)}\r\n`);
  };
  const serve = (socket: Socket) => {
    const connection = waiting.shift();
    if (typeof file === 'function') {
      if (connection !== undefined) file(connection);
    } else {
      connection?.end(file, () => say(socket, 'done'));
    }
  };
  const converse: Answer = (socket) => {
    let rest = '';
    say(socket, 'greeting');
    socket.on('data', (chunk) => {
      const lines = (rest + chunk.toString('utf8')).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        commands.push(line);
        const verb = line.split(' ')[0] ?? '';
        say(socket, verb);
        if (verb === 'RETR') serve(socket);
        if (verb === 'QUIT') socket.end();
      }
    });
  };
  const control = await listen(converse, { host, atOnce: true });
  return {
    control,
    data,
    commands,
    async allClosed() {
      await control.allClosed();
      await data.allClosed();
    },
  };
}

/** Writes a text one byte at a time, each in a packet of its own. */
export function bytewise(text: string): (socket: Socket) => void {
  return (socket) => {
    socket.setNoDelay();
    const bytes = Buffer.from(text);
    let at = 0;
    const timer = setInterval(() => {
      if (at < bytes.length) socket.write(bytes.subarray(at, at + 1));
      else clearInterval(timer);
      at += 1;
    }, 1);
    socket.once('close', () => clearInterval(timer));
  };
}

function withPort(reply: string, port: number): string {
  return reply
    .replace('{port}', String(port))
    .replace('{high}', String(port >> 8))
    .replace('{low}', String(port & 255));
}
