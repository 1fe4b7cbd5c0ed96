// LDAP: up when the bind succeeds and a search finds exactly one entry, the base itself, whose DN `receive` matches.
// Spoken here and not by ldapts: that (8.2) never comes back from decoding a bind response with a length that is too long in
// it, so that 16 bytes of a broken server end the whole daemon.
import type { Login } from '../config/model.ts';
import { CheckFailure } from '../errors.ts';
import { BOOLEAN, decodeAll, ENUMERATED, encode, encodeSmall, INTEGER, OCTETS, SEQUENCE } from './ber.ts';
import type { Check, CheckContext } from './check.ts';
import { type LdapExchange, openLdap, reasonOf } from './ldap-exchange.ts';
import { received } from './match.ts';
import type { Tls } from './socket.ts';
import { printable } from './text.ts';

/** Operations of RFC 4511. */
const BIND_REQUEST = 0x60;
const BIND_RESPONSE = 0x61;
const SEARCH_REQUEST = 0x63;
const SEARCH_ENTRY = 0x64;
const SEARCH_DONE = 0x65;
const SEARCH_REFERENCE = 0x73;
const EXTENDED_REQUEST = 0x77;
const EXTENDED_RESPONSE = 0x78;
const INTERMEDIATE_RESPONSE = 0x79;

/** Tags inside them. */
const SIMPLE_PASSWORD = 0x80;
const EXTENSION_NAME = 0x80;
const ATTRIBUTE_PRESENT = 0x87;

const ANONYMOUS: Login = { user: '', password: '' };

export const ldap: Check<'ldap'> = async ({ address, port }, { tls, login, base, receive }, ctx) => {
  // As ldirectord: without a password anonymously. Servers refuse a name alone (RFC 4513, 5.1.2).
  const account = login === undefined || login.password === '' ? ANONYMOUS : login;
  const peer = tls?.start === 'at once' ? { address, port, tls } : { address, port };
  const exchange = await openLdap(peer, account.password, ctx);
  if (tls?.start === 'starttls') await goOverToTls(exchange, tls);
  await bind(exchange, account);

  const wanted = base === '' ? 'the root DSE' : printable(base);
  const found = await search(exchange, base, wanted, ctx);
  await exchange.unbind();
  const [dn] = found;
  if (dn === undefined || found.length > 1) throw new CheckFailure(`found ${found.length} entries of ${wanted}`);
  if (receive !== undefined && !received(receive, dn)) {
    throw new CheckFailure(`DN ${exchange.show(dn) || '""'} does not match /${printable(receive.text)}/`);
  }
  return `found ${exchange.show(dn) || wanted}`;
};

async function goOverToTls(exchange: LdapExchange, tls: Tls): Promise<void> {
  const startTls = encode(EXTENSION_NAME, '1.3.6.1.4.1.1466.20037');
  exchange.request(encode(EXTENDED_REQUEST, startTls), 'StartTLS');
  const result = exchange.resultOf(await exchange.answer(EXTENDED_RESPONSE));
  if (result.code !== 0) throw new CheckFailure(`StartTLS refused: ${reasonOf(result)}`);
  await exchange.startTls(tls);
}

async function bind(exchange: LdapExchange, { user, password }: Login): Promise<void> {
  const operation = encode(
    BIND_REQUEST,
    encodeSmall(INTEGER, 3),
    encode(OCTETS, user),
    encode(SIMPLE_PASSWORD, password),
  );
  exchange.request(operation, 'bind', user === '' ? ' anonymously' : ` as ${printable(user)}, password ***`);
  const result = exchange.resultOf(await exchange.answer(BIND_RESPONSE));
  if (result.code !== 0) throw new CheckFailure(reasonOf(result));
}

/** The DNs of what a search of the base alone finds; mostly one. */
async function search(exchange: LdapExchange, base: string, wanted: string, ctx: CheckContext): Promise<Buffer[]> {
  exchange.request(searchRequest(base), 'search', ` of ${wanted} (objectClass=*)`);
  const found: Buffer[] = [];
  for (;;) {
    const answer = await exchange.answer(SEARCH_ENTRY, SEARCH_DONE, SEARCH_REFERENCE, INTERMEDIATE_RESPONSE);
    if (answer.tag === SEARCH_ENTRY) {
      const [dn] = decodeAll(answer.content);
      if (dn?.tag !== OCTETS) throw new CheckFailure('broken LDAP answer: an entry without a DN');
      ctx.trace?.(`< entry ${exchange.show(dn.content)}`);
      found.push(dn.content);
    } else if (answer.tag === SEARCH_DONE) {
      const result = exchange.resultOf(answer);
      if (result.code !== 0) throw new CheckFailure(reasonOf(result, wanted));
      return found;
    }
  }
}

function searchRequest(base: string): Buffer {
  const baseObject = 0;
  // As ldirectord's Net::LDAP: aliases are followed to the base.
  const derefFindingBaseObj = 2;
  return encode(
    SEARCH_REQUEST,
    encode(OCTETS, base),
    encodeSmall(ENUMERATED, baseObject),
    encodeSmall(ENUMERATED, derefFindingBaseObj),
    // At most two entries, so that more than one is noticed; as many seconds as the server likes; types and values.
    encodeSmall(INTEGER, 2),
    encodeSmall(INTEGER, 0),
    encodeSmall(BOOLEAN, 0),
    encode(ATTRIBUTE_PRESENT, 'objectClass'),
    // No attribute at all: entries can be large.
    encode(SEQUENCE, encode(OCTETS, '1.1')),
  );
}
