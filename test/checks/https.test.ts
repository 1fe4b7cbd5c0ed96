// TLS: certificates are not verified, the server name is sent when there is one, and what is not TLS is said so.
import { afterEach, expect, test } from 'vitest';
import { NOISE_MS } from '../noise.ts';
import { check, closeListeners, httpSpec, listen, ok } from './listeners.ts';

afterEach(closeListeners);

test.each([
  ['no name', undefined],
  ['a name', 'www.example.com'],
])('a self-signed certificate; %s', async (_name, serverName) => {
  const server = await listen(ok('found'), { tls: true });
  const tls = { start: 'at once', ...(serverName === undefined ? {} : { serverName }) } as const;
  const spec = httpSpec({ tls, virtualHost: 'host.example.com:8443' });
  expect(await check(server.target, spec)).toMatchObject({ outcome: 'up', detail: 'HTTP 200 OK' });
  expect(server.serverNames).toEqual([serverName]);
  expect(server.requests[0]).toContain('host: host.example.com:8443\r\n');
  await server.allClosed();
});

test.each([
  ['a plain HTTP server', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'the port does not speak TLS'],
  ['a server that closes', '', 'connection closed during the TLS handshake'],
])('%s is down', async (_name, answer, detail) => {
  const server = await listen(answer, { atOnce: true });
  expect(await check(server.target, httpSpec({ tls: { start: 'at once' } }))).toMatchObject({
    outcome: 'down',
    detail,
  });
  await server.allClosed();
});

test('a handshake that does not end is down at the deadline', async () => {
  const server = await listen(() => {}, { atOnce: true });
  const { outcome, detail, durationMs } = await check(
    server.target,
    httpSpec({ tls: { start: 'at once' }, timeoutMs: 300 }),
  );
  expect([outcome, detail]).toEqual(['down', 'no answer within 300 ms (connected, but the TLS handshake did not end)']);
  expect(durationMs).toBeGreaterThan(280);
  expect(durationMs).toBeLessThan(300 + NOISE_MS);
  await server.allClosed();
});
