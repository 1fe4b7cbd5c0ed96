// Reasons of failed checks, as the checks word them, and the kind that each is counted as.
import { expect, test } from 'vitest';
import { REASONS, reasonKind } from '../../src/status/metrics-reasons.ts';
import { usedMs } from '../loop-holds.ts';

test.each([
  ['no answer within 10 s (connected, got 0 bytes)', 'timeout'],
  ['connection timed out', 'timeout'],
  ['no answer to ping (3 attempts)', 'timeout'],
  ['3 datagrams came, but no answer; the last: x', 'timeout'],
  ['connection refused', 'refused'],
  ['connection refused (it connected to itself)', 'refused'],
  ['connection closed without an answer', 'closed'],
  ['connection reset, after a redirect to http://x/', 'closed'],
  ['no route to host', 'unreachable'],
  ['name not found', 'name'],
  ['db1 has no address', 'name'],
  ['certificate has expired', 'tls'],
  ['the port does not speak TLS', 'tls'],
  ['STARTTLS refused: 454 later', 'tls'],
  ['HTTP 404 Not Found', 'http_status'],
  ['body does not match /found/ (got 3 bytes: "HTTP 500")', 'mismatch'],
  ['no A record of www matches /10/: got 1.2.3.4', 'mismatch'],
  ['the query returned no row', 'mismatch'],
  ['LOGIN refused: NO wrong password', 'answer'],
  ['SERVFAIL for www.example.com', 'answer'],
  ['550 connection refused', 'answer'],
  ['broken HTTP answer: no header', 'malformed'],
  ['not an HTTP answer: "SSH-2.0"', 'malformed'],
  ['the server does not stop talking (2 bytes)', 'malformed'],
  ['the server sent 64 KiB and no answer', 'malformed'],
  ['the answer does not end (over 64 MiB)', 'malformed'],
  ["the answer's header is over 64 KiB", 'malformed'],
  ['exit 2: CRITICAL - no answer', 'command'],
  ['cannot run /x: not executable', 'command'],
  ['Access denied for user x', 'other'],
  ['', 'other'],
])('%s: %s', (detail, kind) => {
  expect(reasonKind(detail)).toBe(kind);
  expect(REASONS).toContain(kind);
});

test('a long reason costs no time', () => {
  const began = usedMs();
  for (const detail of ['A'.repeat(100_000), ' '.repeat(100_000), '1'.repeat(100_000)]) reasonKind(detail);
  expect(usedMs() - began).toBeLessThan(200);
});
