// TLS: certificates are not verified, the server name is sent when there is one, and what is not TLS is said so.
import { afterEach, expect, test } from 'vitest';
import { check, closeListeners, httpSpec, listen, ok } from './listeners.ts';

afterEach(closeListeners);

test.each([
  ['no virtual host', undefined, undefined, '127.0.0.1'],
  ['a name', 'www.example.com', 'www.example.com', 'www.example.com'],
  ['a name with a port', 'www.example.com:8443', 'www.example.com', 'www.example.com:8443'],
  ['an address', '192.0.2.1', undefined, '192.0.2.1'],
  ['an address with a port', '192.0.2.1:443', undefined, '192.0.2.1:443'],
  ['an IPv6 address', '[2001:db8::1]', undefined, '[2001:db8::1]'],
])('a self-signed certificate; %s', async (_name, virtualHost, serverName, host) => {
  const server = await listen(ok('found'), { tls: true });
  const spec = httpSpec({ tls: true, ...(virtualHost === undefined ? {} : { virtualHost }) });
  expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail: 'HTTP 200 OK' });
  expect(server.serverNames).toEqual([serverName]);
  expect(server.requests[0]).toContain(`host: ${host}\r\n`);
  await server.allClosed();
});

test.each([
  ['a plain HTTP server', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'the port does not speak TLS'],
  ['a server that closes', '', 'connection closed during the TLS handshake'],
])('%s is down', async (_name, answer, detail) => {
  const server = await listen(answer, { atOnce: true });
  expect(await check(server.target, httpSpec({ tls: true }))).toMatchObject({ outcome: 'down', detail });
  await server.allClosed();
});

test('a handshake that does not end is down at the deadline', async () => {
  const server = await listen(() => {}, { atOnce: true });
  const { outcome, detail, durationMs } = await check(server.target, httpSpec({ tls: true, timeoutMs: 300 }));
  expect([outcome, detail]).toEqual(['down', 'no answer within 300 ms (connected, but the TLS handshake did not end)']);
  expect(durationMs).toBeGreaterThan(280);
  expect(durationMs).toBeLessThan(1000);
  await server.allClosed();
});
