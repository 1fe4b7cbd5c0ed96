// The value of statuslisten: an address of this machine with a port, or the path of a unix socket.
import { endpoint } from './address.ts';
import { Problem } from './diagnostic.ts';
import type { StatusListen } from './model.ts';
import { quotedSpot, type ValueParser, wholeNumber, within } from './values.ts';

/** What the kernel takes (sun_path), in bytes. */
const MAX_SOCKET_PATH = 107;
const EXPECTED = 'expected an address and a port, such as 127.0.0.1:9180 or [::1]:9180, or the path of a unix socket';
const portOf = wholeNumber(1, 65_535, '', 'a port');

export const statusListen: ValueParser<StatusListen> = (given) => {
  const value = quotedSpot(given, EXPECTED.replace('expected ', ''));
  const { text } = value;
  if (text.startsWith('/')) {
    if (text.endsWith('/')) throw new Problem(value, `${text} is a directory`, 'add the name of the socket');
    if (new TextEncoder().encode(text).length > MAX_SOCKET_PATH)
      throw new Problem(
        value,
        'this path is too long for a unix socket',
        `expected at most ${MAX_SOCKET_PATH} bytes, such as /run/tsdirectord/status.sock`,
      );
    return { kind: 'unix', path: text };
  }
  const bare = /^(?:\*?:)?(\d{1,5})$/.exec(text);
  if (bare !== null)
    throw new Problem(
      value,
      'the address to listen on is missing',
      `write 127.0.0.1:${bare[1]}, or 0.0.0.0:${bare[1]} for all`,
    );
  if (text.includes('/')) {
    const [, inUrl] = /^https?:\/\/([^/]+)\/?$/.exec(text) ?? [];
    const hint = inUrl === undefined ? 'start a path with /' : `write ${inUrl}`;
    throw new Problem(value, `"${text}" is neither an address with a port nor the path of a socket`, hint);
  }
  const { host, port } = endpoint(value);
  if (host.literal === undefined) {
    const known = port?.text ?? '9180';
    const hint = host.text === 'localhost' ? `write 127.0.0.1:${known} or [::1]:${known}` : EXPECTED;
    throw new Problem(host, `"${host.text}" is not an address`, hint);
  }
  if (port === undefined) throw new Problem(value, `the port after ${text} is missing`, `write ${text}:9180`);
  const [start, end] = [port.column - value.column, port.column - value.column + port.length];
  return { kind: 'tcp', address: host.text, family: host.literal, port: portOf(within(value, start, end)) };
};
