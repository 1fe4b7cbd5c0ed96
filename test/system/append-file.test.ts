// Lines for a file that may be a pipe which nobody reads.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AppendFile } from '../../src/system/append-file.ts';
import { scratch } from '../scratch.ts';
import { until } from '../until.ts';

test('a named pipe holds nobody up: its lines come when somebody reads', async () => {
  const path = join(scratch(), 'pipe');
  execFileSync('mkfifo', [path]);
  const told: (string | undefined)[] = [];
  const file = new AppendFile(path, {
    onFailure: ({ code }) => told.push(code),
    onRecovery: (lost) => told.push(`${lost} lost`),
    retryMs: 10,
  });
  file.write('one\n');
  await until('word of it', () => told.length === 1);
  file.write('two\n');
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  await until('its end', () => told.length === 2);
  await file.close();
  const buffer = Buffer.alloc(100);
  expect(buffer.toString('utf8', 0, readSync(reader, buffer))).toBe('one\ntwo\n');
  closeSync(reader);
  expect(told).toEqual(['ENXIO', '0 lost']);
});
