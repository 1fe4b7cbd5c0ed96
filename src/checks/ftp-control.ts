// The control connection of FTP (RFC 959): commands, and replies of one line or many.
import type { Login, Target } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import type { CheckContext } from './check.ts';
import { openLines } from './lines.ts';
import { printable } from './text.ts';

export interface FtpReply {
  /** 100 to 599. */
  readonly code: number;
  /** Its last line, as it came. */
  readonly line: string;
  /** The last line that says something, as a reason may show it: "530 Login incorrect." */
  readonly text: string;
}

export interface FtpControl {
  /** Sends a command and resolves with the first reply. Rejects, and sends nothing, when the argument would end the line. */
  ask(verb: string, argument?: string): Promise<FtpReply>;
  /** The next reply that is not preliminary (1xx). */
  finalReply(): Promise<FtpReply>;
  /** Says good-bye and closes; nobody waits for the answer. */
  quit(): Promise<void>;
  /** The server's words as a reason may show them: printable, bounded, and not when they repeat the password. */
  show(words: string): string;
}

/** Connects. The connection ends with the check. */
export async function openFtp(target: Target, login: Login | undefined, ctx: CheckContext): Promise<FtpControl> {
  const lines = await openLines(target, login === undefined ? {} : { login }, ctx);

  /** The reply that begins with this line. */
  async function replyFrom(first: string): Promise<FtpReply> {
    const [, code, more] = /^([1-5]\d\d)([- ]|$)/.exec(first) ?? [];
    if (code === undefined) throw new CheckFailure(`not an FTP reply: "${lines.show(first)}"`);
    let line = first;
    if (more === '-') {
      do line = await lines.read();
      while (line !== code && !line.startsWith(`${code} `));
    }
    return { code: Number(code), line, text: lines.show(line.length > 4 ? line : first) };
  }

  return {
    async ask(verb, argument) {
      if (argument === undefined) return replyFrom(await lines.ask(verb));
      // What follows a line break would be a command of its own.
      if (/[\r\n\0]/.test(argument)) throw new CheckFailure(`FTP cannot carry a line break or NUL (${verb})`);
      const shown = verb === 'PASS' ? '***' : printable(argument);
      return replyFrom(await lines.ask(`${verb} ${argument}`, `${verb} ${shown}`));
    },
    async finalReply() {
      for (;;) {
        const reply = await replyFrom(await lines.read());
        if (reply.code >= 200) return reply;
      }
    },
    quit: () => lines.quit('QUIT'),
    show: (words) => lines.show(words),
  };
}
