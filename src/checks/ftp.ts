// FTP: up when the login is accepted and, when a file is named, it comes in passive mode and `receive` matches it.
// Spoken here and not by basic-ftp: that (6.2) never sees a reply that comes in two packets, connects to wherever PASV points
// or refuses to, and when it is closed leaves a data connection behind that is just being opened.
import type { Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Login, Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { type FtpControl, type FtpReply, openFtp } from './ftp-control.ts';
import { received } from './match.ts';
import { explain } from './reasons.ts';
import { openSocket } from './socket.ts';
import { byteCount, printable } from './text.ts';

/** How much of a file is fetched and matched. */
const MAX_FILE_BYTES = 1024 * 1024;

interface FetchedFile {
  /** The first 1 MiB. */
  readonly start: Buffer;
  /** Whether there is more. */
  readonly cut: boolean;
}

export const ftp: Check<'ftp'> = async (target, { login, file, receive }, ctx) => {
  const control = await openFtp(target, login, ctx);
  completed(await control.finalReply());
  const welcome = await logIn(control, login);
  // As ldirectord: it is not these that decide, but the file.
  await control.ask('CWD', '/');
  await control.ask('TYPE', 'I');
  const fetched = file === undefined ? undefined : await fetchFile(control, file, target, ctx);
  await control.quit();
  if (file === undefined || fetched === undefined) return welcome.text;

  const { start } = fetched;
  if (receive === undefined || received(receive, start)) return `${printable(file)}: ${sizeOf(fetched)}`;
  const got = start.length === 0 ? 'an empty file' : `${sizeOf(fetched)}: ${quotedBy(control, start)}`;
  throw new CheckFailure(`${printable(file)} does not match /${printable(receive.text)}/ (got ${got})`);
};

async function logIn(control: FtpControl, login: Login | undefined): Promise<FtpReply> {
  const { user, password } = login ?? { user: 'anonymous', password: `ldirectord@${hostname()}` };
  const reply = await control.ask('USER', user);
  return completed(reply.code === 331 ? await control.ask('PASS', password) : reply);
}

async function fetchFile(control: FtpControl, file: string, target: Target, ctx: CheckContext): Promise<FetchedFile> {
  const port = await dataPort(control, target.family);
  const ofData = (error: unknown): never => {
    throw placed(error, `data connection, port ${port}`);
  };
  const progress: CheckContext['progress'] = (describe) =>
    ctx.progress(() => `data connection, port ${port}: ${describe()}`);
  // To the real server itself, whatever PASV says: behind a director servers name the virtual address.
  const data = await openSocket(
    { address: target.address, port },
    { defer: (cleanUp) => ctx.defer(cleanUp), progress },
  ).catch(ofData);
  ctx.progress(() => `connected for data too, no reply to RETR ${printable(file)}`);
  const begun = await control.ask('RETR', file);
  if (begun.code >= 300) throw refused(begun, `RETR ${file}`);

  const arrived = contents(data, progress).catch(ofData);
  const confirmed = begun.code >= 200 ? Promise.resolve(begun) : control.finalReply();
  const complete = confirmed.then((reply) => completed(reply, `RETR ${file}`));
  // When the server says that it went wrong, nobody needs to wait for the rest of the file.
  const fetched = await Promise.race([arrived, complete.then(() => arrived)]);
  if (!fetched.cut) await complete;
  return fetched;
}

/** Where the server waits for the data connection. EPSV (RFC 2428) names a port only; IPv6 has nothing else. */
async function dataPort(control: FtpControl, family: Target['family']): Promise<number> {
  const extended = await control.ask('EPSV');
  if (extended.code === 229) return portIn(extended, /([^\w\s])\1\1(?<port>\d{1,5})\1/);
  if (family === 6) throw refused(extended, 'EPSV');
  const passive = await control.ask('PASV');
  if (passive.code === 227) return portIn(passive, /\d{1,3}(?:,\d{1,3}){3},(?<high>\d{1,3}),(?<low>\d{1,3})/);
  throw refused(passive, 'PASV');
}

function portIn({ line, text }: FtpReply, pattern: RegExp): number {
  const { port, high, low } = pattern.exec(line)?.groups ?? {};
  const number = port === undefined ? Number(high) * 256 + Number(low) : Number(port);
  if (number >= 1 && number <= 65535) return number;
  throw new CheckFailure(`no port in "${text}"`);
}

async function contents(data: Socket, progress: CheckContext['progress']): Promise<FetchedFile> {
  // One buffer from the start: a file that comes byte by byte would else be a million of them.
  const start = Buffer.allocUnsafe(MAX_FILE_BYTES);
  let used = 0;
  let ended = false;
  progress(() => `got ${byteCount(used)}, ${ended ? 'then no reply that it was all' : 'no end'}`);
  for await (const chunk of data as AsyncIterable<Buffer>) {
    const copied = chunk.copy(start, used);
    used += copied;
    if (copied < chunk.length) return { start, cut: true };
  }
  ended = true;
  return { start: start.subarray(0, used), cut: false };
}

function completed(reply: FtpReply, command?: string): FtpReply {
  if (reply.code >= 200 && reply.code <= 299) return reply;
  throw refused(reply, command);
}

/** In the server's own words, and about which command when they may not say that. */
function refused({ text }: FtpReply, command?: string): CheckFailure {
  return new CheckFailure(command === undefined ? text : `${text} (${printable(command)})`);
}

/** The failure of the other connection, said so; our own faults stay what they are. */
function placed(error: unknown, where: string): unknown {
  const { outcome, detail } = explain(error);
  return outcome === 'error' ? error : new CheckFailure(`${detail} (${where})`, { cause: error });
}

function sizeOf({ start, cut }: FetchedFile): string {
  return cut ? 'more than 1 MiB' : byteCount(start.length);
}

/** The first bytes, without the password. */
function quotedBy(control: FtpControl, bytes: Buffer): string {
  return `"${control.show(bytes.toString('latin1', 0, 60))}${bytes.length > 60 ? '…' : ''}"`;
}
