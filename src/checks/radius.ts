// RADIUS: up when an Access-Request for a login is answered with Access-Accept, by somebody who knows the secret.
import { randomBytes, randomInt } from 'node:crypto';
import { CheckFailure } from '../errors.ts';
import type { Check } from './check.ts';
import { ask, type Endpoint, type Judged } from './datagram.ts';
import {
  type Answer,
  ATTRIBUTE,
  accessRequest,
  CODE,
  isGenuine,
  MAX_PASSWORD_BYTES,
  MAX_VALUE_BYTES,
  parseAnswer,
} from './radius-packet.ts';
import { hideSecret } from './secrets.ts';
import { byteCount, printable } from './text.ts';

const RESENT_AFTER_MS = [1000, 2000] as const;
const SILENCE = 'got nothing: does the server know this machine as a client, and with this secret?';
const FORGED = 'an answer came whose authenticator is wrong: is the secret right?';

export const radius: Check<'radius'> = async (target, { login, secret }, ctx) => {
  refuseLong('login', login.user, MAX_VALUE_BYTES);
  refuseLong('passwd', login.password, MAX_PASSWORD_BYTES);
  let request: Buffer = Buffer.alloc(0);
  const compose = ({ address }: Endpoint): Buffer => {
    const drawn = { identifier: randomInt(256), authenticator: randomBytes(16) };
    request = accessRequest({ ...drawn, ...login, secret, from: address });
    ctx.trace?.(`> Access-Request ${drawn.identifier} for ${printable(login.user)}`);
    return request;
  };
  const judge = (datagram: Buffer): Judged<Answer> => {
    const answer = parseAnswer(datagram, request);
    if (answer === undefined) return { ignored: `got ${byteCount(datagram.length)} that are no answer to the request` };
    if (!VERDICTS.has(answer.code)) return { ignored: `got a RADIUS packet of code ${answer.code}` };
    return isGenuine(answer, request, secret) ? { answer } : { ignored: FORGED };
  };
  const answer = await ask(target, { compose, waitsMs: RESENT_AFTER_MS, judge, silence: SILENCE }, ctx);
  const said = messageOf(answer, [login.password, secret]);
  ctx.trace?.(`< ${said}`);
  if (answer.code === CODE.accessAccept) return said;
  throw new CheckFailure(said);
};

const VERDICTS: ReadonlyMap<number, string> = new Map([
  [CODE.accessAccept, 'Access-Accept'],
  [CODE.accessReject, 'Access-Reject'],
  [CODE.accessChallenge, 'Access-Challenge (more than a password is asked for)'],
]);

/** The verdict, and what the server wants a user to read. */
function messageOf({ code, attributes }: Answer, secrets: readonly string[]): string {
  const verdict = VERDICTS.get(code) ?? '';
  const replies = attributes.filter(({ type }) => type === ATTRIBUTE.replyMessage).map(({ value }) => value);
  const reply = secrets.reduce(hideSecret, Buffer.concat(replies).toString());
  return reply === '' ? verdict : `${verdict}: ${printable(reply)}`;
}

function refuseLong(directive: string, value: string, limit: number): void {
  if (Buffer.byteLength(value) <= limit) return;
  throw new CheckFailure(`${directive} is longer than the ${limit} bytes that RADIUS has for it`);
}
