// Redis, by ioredis: one command, and up when its answer matches, or is any but an error and nil.
import type { Socket } from 'node:net';
import type { Redis, RedisOptions } from 'ioredis';
import type { RedisSpec } from '../config/model.ts';
import { CheckFailure, messageOf } from '../errors.ts';
import type { Check, CheckContext } from './check.ts';
import { guard } from './guard.ts';
import { received } from './match.ts';
import { createRedisFraming } from './redis-framing.ts';
import { hideSecret, hideSecretBytes } from './secrets.ts';
import { openSocket } from './socket.ts';
import { printable, quoted } from './text.ts';

/** Arrays inside arrays of an answer that are shown and matched. */
const MAX_DEPTH = 16;

export const redis: Check<'redis'> = async (target, spec, ctx) => {
  // The constructor under another name: this check has the one that the compiler takes for it.
  const { Redis: Client } = await import('ioredis');
  const socket = await openSocket(target, ctx);
  return new Promise((resolve, reject) => {
    const secret = spec.password ?? '';
    guard(socket, { framing: createRedisFraming(), secret, fail: reject }, ctx);
    const client = new Client(optionsFor(socket));
    client.on('error', ({ message }) => {
      reject(new CheckFailure(`broken Redis answer: ${printable(hideSecret(message, secret))}`));
    });
    converse(client, spec, ctx).then(resolve, reject);
  });
};

/** ioredis without its own connections, repetitions, questions and timers. */
function optionsFor(socket: Socket): RedisOptions {
  class Connector {
    connect = async () => socket;
    disconnect = () => socket.destroy();
    check = () => true;
  }
  return {
    // Its type asks for the private members of ioredis' own class.
    Connector: Connector as unknown as NonNullable<RedisOptions['Connector']>,
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: null,
    enableReadyCheck: false,
    disableClientInfo: true,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    stringNumbers: true,
  };
}

async function converse(client: Redis, spec: RedisSpec, ctx: CheckContext): Promise<string> {
  const { user, password = '', database, command, receive } = spec;
  const shown = (text: string) => printable(hideSecret(text, password));
  const shownBytes = (bytes: Buffer) => quoted(hideSecretBytes(bytes, password));

  await client.connect();
  // Neither is left to ioredis, which takes some refusals for success and prints a warning.
  if (user !== undefined) await consent(['AUTH', user, password]);
  else if (password !== '') await consent(['AUTH', password]);
  if (database !== 0) await consent(['SELECT', String(database)]);

  const answer = await call(command);
  const bytes = bytesOf(answer);
  const name = shown(command.join(' '));
  if (receive === undefined) {
    if (answer === null) throw new CheckFailure(`the answer to ${name} is nil`);
  } else if (!received(receive, bytes)) {
    const pattern = printable(receive.text);
    throw new CheckFailure(`answer to ${name} does not match /${pattern}/: got ${shownBytes(bytes)}`);
  }
  return shownBytes(bytes);

  async function consent(words: readonly string[]): Promise<void> {
    const answer = bytesOf(await call(words));
    if (answer.toString() === 'OK') return;
    throw new CheckFailure(`answer to ${words[0]} is not OK: got ${shownBytes(answer)}`);
  }

  async function call([name = '', ...words]: readonly string[]): Promise<unknown> {
    ctx.trace?.(`> ${shown([name, ...words].join(' '))}`);
    try {
      // In capitals: for some commands that it knows by their small letters ioredis changes the answer.
      const answer = await client.callBuffer(name.toUpperCase(), ...words);
      ctx.trace?.(`< ${shownBytes(bytesOf(answer))}`);
      return answer;
    } catch (error) {
      const said = shown(messageOf(error).trimEnd()) || 'an error without words';
      ctx.trace?.(`< ${said}`);
      const advice = said.startsWith('NOAUTH') && password === '' ? ' Set passwd.' : '';
      throw new CheckFailure(said + advice, { cause: error });
    }
  }
}

/** An answer as one text: arrays line by line. */
function bytesOf(answer: unknown, depth = 0): Buffer {
  if (Buffer.isBuffer(answer)) return answer;
  if (answer === null) return Buffer.from('nil');
  if (!Array.isArray(answer)) return Buffer.from(String(answer));
  if (depth === MAX_DEPTH) return Buffer.from('…');
  const lines = answer.flatMap((each) => [bytesOf(each, depth + 1), Buffer.from('\n')]);
  return Buffer.concat(lines.slice(0, -1));
}
