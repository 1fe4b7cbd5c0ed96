// Orders over HTTP: one JSON object of known shape, from whoever has the token, a few at a time.
import type { IncomingMessage } from 'node:http';
import { isUsageError, messageOf } from '../../errors.ts';
import type { OrderName, OrderOutcome, OrderRequest } from '../../operator/commands.ts';
import { isWeight, MAX_WEIGHT } from '../../operator/overrides.ts';
import type { StatusSource } from '../source.ts';
import { Refusal } from './answers.ts';
import { RateLimit } from './rate-limit.ts';

const MAX_BODY_BYTES = 4 * 1024;
const MAX_NAME_LENGTH = 300;
const ORDERS = { atOnce: 20, perSecond: 5 };
const NAMES: readonly unknown[] = ['drain', 'disable', 'enable', 'weight', 'recheck'] satisfies OrderName[];
const KEYS: readonly string[] = ['op', 'virtual', 'real', 'weight'];

export class OrderDesk {
  readonly #source: StatusSource;
  readonly #rate = new RateLimit(ORDERS);

  constructor(source: StatusSource) {
    this.#source = source;
  }

  /** Carries out the order of a request whose sender may give one. Throws Refusal. */
  async take(request: IncomingMessage): Promise<readonly OrderOutcome[]> {
    if (!this.#rate.take())
      throw new Refusal(429, 'too many orders at once; try again in a second', { 'Retry-After': '1' });
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
      throw new Refusal(415, 'an order is JSON: Content-Type: application/json');
    const order = orderOf(await bodyOf(request));
    try {
      this.#source.find(order);
    } catch (error) {
      throw refusalOf(error, 404);
    }
    try {
      return await this.#source.order(order, `over HTTP from ${request.socket.remoteAddress ?? 'a unix socket'}`);
    } catch (error) {
      // What was found can be ordered: only the kernel refuses now.
      throw refusalOf(error, 502);
    }
  }
}

function refusalOf(error: unknown, status: number): unknown {
  return isUsageError(error) ? new Refusal(status, messageOf(error)) : error;
}

/** Nothing is taken for granted, so that no slip of a client drains every server. */
function orderOf(text: string): OrderRequest {
  const order = parsed(text);
  const { op, virtual, real, weight } = order;
  const stranger = Object.keys(order).find((key) => !KEYS.includes(key));
  if (stranger !== undefined) throw new Refusal(400, `an order has ${KEYS.join(', ')} and nothing else`);
  if (!NAMES.includes(op)) throw new Refusal(400, `"op" is one of ${NAMES.join(', ')}`);
  if (!isName(virtual) || !isName(real))
    throw new Refusal(400, '"virtual" and "real" name a service and a server of it, or are "all"');
  if (op === 'weight' && !isWeight(weight))
    throw new Refusal(400, `"weight" is a whole number from 0 to ${MAX_WEIGHT}`);
  if (op !== 'weight' && weight !== undefined) throw new Refusal(400, `"weight" makes no sense with "${op}"`);
  return { op: op as OrderName, virtual, real, ...(op === 'weight' ? { weight } : {}) };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH;
}

function parsed(text: string): Partial<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // As for any other JSON.
  }
  throw new Refusal(
    400,
    'an order is one JSON object, such as {"op":"drain","virtual":"10.8.8.45:80","real":"10.8.8.48:80"}',
  );
}

/** The server's own time limit on requests ends one that does not come. */
function bodyOf(request: IncomingMessage): Promise<string> {
  const tooLong = () => new Refusal(413, `an order has at most ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLong();
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
      else reject(tooLong());
    });
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    request.on('error', reject);
  });
}
