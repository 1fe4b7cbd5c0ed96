// A name server on loopback that answers every question with 127.0.0.1, or not at all; and how the real program is made to ask it.
import { spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { onTestFinished } from 'vitest';
import { scratch } from '../scratch.ts';

/** Nobody else's: the whole network is this machine. */
const ADDRESS = `127.77.${process.pid % 251}.53`;

export class NameServer {
  readonly #socket: Socket = createSocket('udp4');
  mood: 'answers' | 'is silent' | 'fails' = 'answers';
  /** Names that it was asked for, in order. */
  readonly asked: string[] = [];
  /** Words that have the program that follows them ask this server (a mount namespace, which needs root). */
  readonly within: readonly string[];

  private constructor() {
    const file = join(scratch(), 'resolv.conf');
    writeFileSync(file, `nameserver ${ADDRESS}\noptions timeout:1 attempts:6\n`);
    const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    this.within = ['unshare', '--mount', 'sh', '-c', script, file];
    this.#socket.on('message', (message, { port, address }) => {
      const { id = 0, questions = [] } = decode(message);
      this.asked.push(...questions.map(({ name }) => name));
      if (this.mood === 'is silent') return;
      const [{ name, type } = { name: '', type: 'A' }] = questions;
      const answers =
        type === 'A' && this.mood === 'answers' ? [{ type, name, ttl: 0, data: '127.0.0.1' } as const] : [];
      const flags = 0x80 | (this.mood === 'fails' ? 2 : 0);
      this.#socket.send(encode({ type: 'response', id, flags, questions, answers }), port, address);
    });
  }

  /** Undefined, and the reason told, where there can be none. */
  static async start(): Promise<NameServer | undefined> {
    const server = new NameServer();
    try {
      server.#socket.bind(53, ADDRESS);
      await once(server.#socket, 'listening');
    } catch (error) {
      console.warn(`NOT TESTED: names, because nobody can be asked for them at ${ADDRESS}: ${error}`);
      return undefined;
    }
    onTestFinished(() => void server.#socket.close());
    const [unshare = '', ...words] = server.within;
    const tried = spawnSync(unshare, [...words, 'true']);
    if (tried.status === 0) return server;
    console.warn(`NOT TESTED: names, because /etc/resolv.conf cannot be another: ${tried.stderr}`);
    return undefined;
  }
}
