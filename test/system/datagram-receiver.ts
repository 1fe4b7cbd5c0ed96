// A unix datagram socket that others send to, as syslog and systemd have one. Perl has them, node does not.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { until } from '../until.ts';

const PROGRAM = fileURLToPath(new URL('datagram-receiver.pl', import.meta.url));

export interface Receiver {
  readonly socket: string;
  /** What came, each on one line with its newlines as \n. */
  readonly datagrams: () => string[];
  readonly process: ChildProcess;
  end(): Promise<void>;
}

/** Listens until the end of the test, or its own. */
export async function receiveDatagrams(socket: string): Promise<Receiver> {
  const process = spawn('perl', [PROGRAM, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  process.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const closed = once(process, 'close');
  const end = async (): Promise<void> => {
    process.kill('SIGKILL');
    await closed;
  };
  onTestFinished(end);
  await until('the receiver', () => text.startsWith('ready\n'));
  return { socket, datagrams: () => text.split('\n').slice(1, -1), process, end };
}
