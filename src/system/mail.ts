// Sends one mail: through an SMTP server, or through this machine's sendmail program.
import { once } from 'node:events';
import { connect, isIP, isIPv6, type Socket } from 'node:net';
import { hostname, userInfo } from 'node:os';
import type { NodemailerError, SendMailOptions } from 'nodemailer';
import { messageOf } from '../errors.ts';
import { runCommand } from './command.ts';

export interface Mail {
  /** As for a From header: `alerts@example.com`, `LVS <alerts@example.com>`; the mailer's own sender when absent. */
  readonly from?: string;
  /** One address. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly date: Date;
  /** With angle brackets. The same for each attempt, so that whoever gets two of them can tell. */
  readonly messageId: string;
}

/**
 * Resolves when somebody has taken responsibility for the mail. `server` is `host`, `host:port` or an IPv6 address (in brackets
 * where a port follows); sendmail when absent. Rejects with MailFailure, or with a system error (ECONNREFUSED…) that says enough by
 * itself. Ends promptly when the signal aborts; nothing of it is left then.
 */
export type SendMail = (mail: Mail, server: string | undefined, signal: AbortSignal) => Promise<void>;

/** A mail was not taken; the message is the reason a person reads. */
export class MailFailure extends Error {
  override name = 'MailFailure';
  /** Whether trying again is useless. */
  readonly permanent: boolean;
  /** Whether it is about this recipient only, and not about every mail to this server. */
  readonly aboutRecipient: boolean;

  constructor(message: string, { permanent = false, aboutRecipient = false, cause }: FailureOptions = {}) {
    super(message, { cause });
    this.permanent = permanent;
    this.aboutRecipient = aboutRecipient;
  }
}

interface FailureOptions {
  readonly permanent?: boolean;
  readonly aboutRecipient?: boolean;
  readonly cause?: unknown;
}

export interface MailerOptions {
  /** What this host is called. */
  readonly host: string;
  /** `user@host`: who mails are from when they do not say, or say something without an address. */
  readonly sender: string;
  /** Default /usr/sbin/sendmail. */
  readonly sendmail?: string;
}

const SMTP_PORT = 25;
/** How long one address of a mail server that has several may keep the others waiting. */
const ATTEMPT_MS = 2_000;
/** How long a server may take to close a connection that is done with. */
const CLOSE_MS = 1_000;
/** RFC 5322 allows lines of 998 octets. */
const LONGEST_LINE = 998;
/** A text that nodemailer leaves as it is. */
const PLACEHOLDER = '-';

/** Exit statuses of sendmail (sysexits.h) after which another attempt makes no difference: usage, bad data, no such user or host. */
const PERMANENT_STATUSES: ReadonlySet<number | null> = new Set([64, 65, 67, 68]);

/** This host and the user who runs this, as ldirectord puts them into its mails. */
export function localIdentity(): Pick<MailerOptions, 'host' | 'sender'> {
  const host = hostname();
  return { host, sender: `${userName()}@${host}` };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in /etc/passwd, as in a container.
    return 'tsdirectord';
  }
}

/** Mails go out over one connection each; they are encrypted where the server can, and its certificate is not looked at. */
export function mailer({ host, sender, sendmail = '/usr/sbin/sendmail' }: MailerOptions): SendMail {
  return async (mail, server, signal) => {
    const message = await compose(mail, sender, server === undefined ? 'unix' : 'windows');
    signal.throwIfAborted();
    if (server === undefined) await throughProgram(sendmail, message, signal);
    else await throughServer(serverOf(server), host, message, signal);
  };
}

interface Message {
  readonly from: string;
  readonly to: string;
  readonly bytes: Buffer;
}

async function compose(mail: Mail, sender: string, newline: 'unix' | 'windows'): Promise<Message> {
  if (/[\s<>]/.test(mail.to)) {
    throw new MailFailure('that is no mail address', { permanent: true, aboutRecipient: true });
  }
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ streamTransport: true, buffer: true, newline });
  const plain = isPlain(mail.text);
  const options: SendMailOptions = {
    to: { name: '', address: mail.to },
    subject: mail.subject,
    text: plain ? PLACEHOLDER : mail.text,
    date: mail.date,
    messageId: mail.messageId,
    // RFC 3834: no vacation notices back.
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  const from = mail.from ?? sender;
  // A bare name is a local user, which nodemailer would take for a person's name.
  const composed = await transport.sendMail({
    ...options,
    from: /[@<\s]/.test(from) ? from : { name: '', address: from },
  });
  const { envelope, message } = composed.envelope.from
    ? composed
    : await transport.sendMail({ ...options, from: { name: from, address: sender } });
  const bytes = plain ? withBody(message as Buffer, mail.text, newline) : (message as Buffer);
  return { from: envelope.from || sender, to: mail.to, bytes };
}

/**
 * A message with text instead of the placeholder. nodemailer encodes every text with a line of more than 76 characters, which most
 * log lines are; people's scripts read them as they are.
 */
function withBody(message: Buffer, text: string, newline: 'unix' | 'windows'): Buffer {
  const lineEnd = newline === 'unix' ? '\n' : '\r\n';
  const head = message.subarray(0, message.indexOf(`${lineEnd}${lineEnd}`) + 2 * lineEnd.length);
  return Buffer.concat([head, Buffer.from(text.replaceAll('\n', lineEnd))]);
}

function isPlain(text: string): boolean {
  return /^[\t\n\x20-\x7e]*$/.test(text) && text.split('\n').every((line) => line.length <= LONGEST_LINE);
}

async function throughProgram(program: string, { from, to, bytes }: Message, signal: AbortSignal): Promise<void> {
  const argv = [program, '-oi', '-f', from, '--', to];
  const {
    code,
    signal: endedBy,
    stderr,
  } = await runCommand(argv, { signal, input: bytes.toString('utf8') }).catch((cause) => {
    if (cause.code !== 'ENOENT') throw cause;
    throw new MailFailure(`there is no ${program} on this machine (install one, or configure smtp)`, { cause });
  });
  if (code === 0) return;
  if (signal.aborted) throw new MailFailure('it does not come to an end');
  const said = oneLine(stderr.trimEnd().split('\n').at(-1) ?? '');
  throw new MailFailure(
    `${endedBy === null ? `status ${code}` : `ended by ${endedBy}`}${said === '' ? '' : `, ${said}`}`,
    {
      permanent: PERMANENT_STATUSES.has(code),
      aboutRecipient: code === 67,
    },
  );
}

interface Server {
  readonly host: string;
  readonly port: number;
}

/** What `smtp` names: a host name or address, with a port or 25. */
export function serverOf(text: string): Server {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  return { host: bracketed ?? plain ?? text, port: port === undefined ? SMTP_PORT : Number(port) };
}

async function throughServer(server: Server, host: string, message: Message, signal: AbortSignal): Promise<void> {
  try {
    await converse(server, host, message, signal, true);
  } catch (error) {
    // As any mail server does where encryption is optional: an alert in plain text is better than none.
    if (!isTlsTrouble(error)) throw error;
    await converse(server, host, message, signal, false);
  }
}

/** @param tls whether to encrypt where the server offers it; nobody's certificate is looked at */
async function converse(
  server: Server,
  host: string,
  { from, to, bytes }: Message,
  signal: AbortSignal,
  tls: boolean,
): Promise<void> {
  const { createTransport } = await import('nodemailer');
  // Connected here, because nodemailer asks DNS servers without the system's resolver, and remembers for minutes what they said.
  const socket = await open(server, signal);
  const transport = createTransport({
    connection: socket,
    host: server.host,
    name: host.includes('.') && isIP(host) === 0 ? host : addressLiteral(socket.localAddress),
    secure: false,
    ignoreTLS: !tls,
    opportunisticTLS: true,
    tls: { rejectUnauthorized: false },
    socketCloseTimeout: CLOSE_MS,
    maxResponseSize: 64 * 1024,
  });
  try {
    // Whole addresses: nodemailer takes a text for a list.
    const envelope = { from: { name: '', address: from }, to: { name: '', address: to } };
    await transport.sendMail({ envelope, raw: bytes, signal });
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? new MailFailure('the server does not answer', { cause: error }) : explained(error);
  }
}

async function open({ host, port }: Server, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, autoSelectFamilyAttemptTimeout: ATTEMPT_MS });
  try {
    await once(socket, 'connect', { signal });
  } catch (error) {
    socket.on('error', () => {}).destroy();
    throw signal.aborted ? new MailFailure('the server cannot be reached', { cause: error }) : error;
  }
  // Nodemailer stops listening before the connection is gone.
  return socket.on('error', () => {});
}

/** How a host without a full name calls itself (RFC 5321, 4.1.3). */
function addressLiteral(address = '127.0.0.1'): string {
  return isIPv6(address) ? `[IPv6:${address.replace(/%.*/, '')}]` : `[${address}]`;
}

/** nodemailer keeps the system's or OpenSSL's code beside its own. */
type SmtpError = NodemailerError & { readonly originalCode?: string };

function isTlsTrouble(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ETLS' || code === 'EPROTO' || /^ERR_(SSL|TLS)_/.test(code ?? '');
}

function explained(thrown: unknown): unknown {
  const error = thrown as SmtpError;
  if (error.responseCode !== undefined) {
    return new MailFailure(oneLine(error.response ?? error.message), {
      permanent: error.permanent === true,
      aboutRecipient: error.command === 'RCPT TO',
      cause: error,
    });
  }
  if (error.code === 'EENVELOPE') {
    return new MailFailure(oneLine(error.message), { permanent: true, aboutRecipient: true, cause: error });
  }
  if (error.originalCode !== undefined) return Object.assign(error, { code: error.originalCode });
  if (error.code === 'ETLS') return error;
  if (error.code === 'ECONNECTION') return new MailFailure('the server closed the connection', { cause: error });
  return new MailFailure(oneLine(messageOf(error)), { cause: error });
}

/** Text from outside as part of a log line. */
function oneLine(text: string): string {
  const line = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
