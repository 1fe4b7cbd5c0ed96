// Scripted servers that speak in lines: just enough of each protocol for the clients of ldirectord and of tsdirectord.
import { connect, createServer, type Socket } from 'node:net';
import type { DatagramServer, StreamServer } from './switched.ts';

/** The account that all servers know. */
export const ACCOUNT = { user: 'joe', password: 'sesame' };

/** The text that all files and pages hold while the server is well. */
const FOUND = 'found';
const OTHER = 'something else';

/** What is said to a line; nothing when undefined. */
type Answer = (line: string) => string | undefined;

/** Greets, then answers line by line; a line of GOODBYE ends the connection. */
function converse(socket: Socket, greeting: string | undefined, answer: Answer): void {
  let unread = '';
  if (greeting !== undefined) socket.write(`${greeting}\r\n`);
  socket.setEncoding('latin1').on('data', (text: string) => {
    const lines = (unread + text).split(/\r?\n/);
    unread = lines.pop() ?? '';
    for (const line of lines) {
      const said = answer(line);
      if (said !== undefined) socket.write(`${said}\r\n`);
      if (GOODBYE.test(line)) socket.end();
    }
  });
}

const GOODBYE = /^(?:\S+ LOGOUT|QUIT)$/i;

/** Says one line to whoever connects. */
export const banner: StreamServer = (socket, well) => {
  socket.end(`${well ? FOUND : OTHER}\n`);
};

/** The answer to "ping". */
export const echo: StreamServer = (socket, well) => {
  converse(socket, undefined, (line) => (line === 'ping' ? (well ? 'pong' : 'pang') : undefined));
};

/** The same in one datagram. */
export const echoDatagram: DatagramServer = (request, well) =>
  request.toString() === 'ping\n' ? Buffer.from(well ? 'pong\n' : 'pang\n') : undefined;

/** Unwell it greets with 554, or refuses EHLO and HELO. */
export function smtp(unwell: 'greeting' | 'hello'): StreamServer {
  return (socket, well) => {
    const greeting = well || unwell !== 'greeting' ? '220 lab ESMTP' : '554 No SMTP service here';
    converse(socket, greeting, (line) => {
      if (/^(?:EHLO|HELO) /i.test(line)) return well ? '250 lab' : '550 Requested action not taken';
      return /^QUIT$/i.test(line) ? '221 Bye' : '502 Command not implemented';
    });
  };
}

/** Unwell it greets with -ERR, or knows another password. */
export function pop(unwell: 'greeting' | 'password'): StreamServer {
  return (socket, well) => {
    const greeting = well || unwell !== 'greeting' ? '+OK ready' : '-ERR out of order';
    converse(socket, greeting, (line) => {
      if (/^USER /i.test(line)) return '+OK';
      if (/^PASS /i.test(line)) return well && line.endsWith(` ${ACCOUNT.password}`) ? '+OK' : '-ERR wrong password';
      if (/^STAT$/i.test(line)) return '+OK 0 0';
      return /^QUIT$/i.test(line) ? '+OK bye' : '-ERR unknown command';
    });
  };
}

/** Unwell it greets with BYE, or knows another password. */
export function imap(unwell: 'greeting' | 'password'): StreamServer {
  return (socket, well) => {
    const greeting = well || unwell !== 'greeting' ? '* OK IMAP4rev1 ready' : '* BYE out of order';
    converse(socket, greeting, (line) => {
      const [tag = '*', verb = ''] = line.split(' ');
      if (/^LOGIN$/i.test(verb)) {
        const known = line.includes(ACCOUNT.user) && line.includes(ACCOUNT.password);
        return well && known ? `${tag} OK logged in` : `${tag} NO wrong password`;
      }
      return /^LOGOUT$/i.test(verb) ? `* BYE\r\n${tag} OK bye` : `${tag} OK`;
    });
  };
}

/** Unwell it greets with 502. */
export const nntp: StreamServer = (socket, well) => {
  converse(socket, well ? '200 lab ready' : '502 Service unavailable', (line) =>
    /^QUIT$/i.test(line) ? '205 Bye' : '500 What?',
  );
};

/** PING only, in the array that a client makes of it. */
export const redis: StreamServer = (socket, well) => {
  converse(socket, undefined, (line) => {
    if (!/^ping$/i.test(line)) return undefined;
    return well ? '+PONG' : '-LOADING Redis is loading the dataset in memory';
  });
};

/** Unwell it answers with this status, or 200 with another text. A proxy wants a whole URL. */
export function http(unwell: string, { proxy = false } = {}): StreamServer {
  return (socket, well) => {
    let line: string | undefined;
    converse(socket, undefined, (text) => {
      line ??= text;
      if (text !== '') return undefined;
      const wanted = proxy ? /^GET http:\/\/www\.lab\.example\/ / : /^GET \/\S* /;
      const status = wanted.test(line) ? (well ? '200 OK' : unwell) : '400 Bad Request';
      const body = well ? FOUND : OTHER;
      const fields = [`Content-Length: ${body.length}`, 'Content-Type: text/plain', 'Connection: close'];
      socket.end(`HTTP/1.1 ${status}\r\n${fields.join('\r\n')}\r\n\r\n${body}`);
      return undefined;
    });
  };
}

/** Passive and active transfers of any file. Unwell its files hold another text, or it knows another password. */
export function ftp(unwell: 'file' | 'password'): StreamServer {
  return (socket, well) => {
    const passive = createServer();
    socket.on('close', () => passive.close());
    let connected: (data: Socket) => void;
    const data = new Promise<Socket>((resolve) => {
      connected = resolve;
    });
    passive.on('connection', (socket) => connected(socket));
    const loggedIn = well || unwell !== 'password';
    const open = (said: (port: number) => string): void => {
      passive.listen(0, socket.localAddress, () => {
        const { port } = passive.address() as { port: number };
        socket.write(`${said(port)}\r\n`);
      });
    };
    const send = async (): Promise<void> => {
      const connection = await data;
      connection.on('error', () => {});
      connection.end(well ? FOUND : OTHER, () => socket.write('226 Transfer complete\r\n'));
    };
    const answers: Readonly<Record<string, Answer>> = {
      USER: () => '331 Password?',
      PASS: (line) => (loggedIn && line.endsWith(` ${ACCOUNT.password}`) ? '230 Logged in' : '530 Login incorrect'),
      CWD: () => '250 Done',
      TYPE: () => '200 Done',
      EPSV: () => void open((port) => `229 Extended passive mode (|||${port}|)`),
      PASV: () => void open((port) => `227 Passive mode (${[...bytesOf(socket), port >> 8, port & 255].join()})`),
      PORT: (line) => {
        const [port = '', low = ''] = line.split(/[ ,]/).slice(5);
        connected(connect(Number(port) * 256 + Number(low), socket.remoteAddress));
        return '200 Done';
      },
      RETR: () => {
        send();
        return '150 Here it comes';
      },
      QUIT: () => '221 Bye',
    };
    converse(socket, '220 lab ready', (line) => {
      const answer = answers[line.split(' ')[0]?.toUpperCase() ?? ''];
      return answer === undefined ? '502 Command not implemented' : answer(line);
    });
  };
}

function bytesOf({ localAddress = '' }: Socket): string[] {
  return localAddress.split('.');
}

/** Unwell it answers 503. */
export const sip: StreamServer = (socket, well) => {
  let request = '';
  converse(socket, undefined, (line) => {
    request += `${line}\r\n`;
    return line === '' ? sipAnswer(request, well).slice(0, -2) : undefined;
  });
};

export const sipDatagram: DatagramServer = (request, well) => Buffer.from(sipAnswer(request.toString('latin1'), well));

/** With the header fields that RFC 3261 8.2.6.2 wants back. */
function sipAnswer(request: string, well: boolean): string {
  const kept = request.split(/\r?\n/).filter((line) => /^(?:Via|From|To|Call-ID|CSeq):/i.test(line));
  const status = well ? '200 OK' : '503 Service Unavailable';
  return `SIP/2.0 ${status}\r\n${kept.join('\r\n')}\r\nContent-Length: 0\r\n\r\n`;
}
