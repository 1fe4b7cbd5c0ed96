// The file with the token: what may be in it, and that nothing of it is told.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readToken } from '../../src/system/token-file.ts';
import { scratch } from '../scratch.ts';

const TOKEN = 'correct-horse-battery';

function fileWith(content: string | Buffer, mode = 0o600): string {
  const path = join(scratch(), 'token');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

test.each<[mode: number, isOpen: boolean]>([
  [0o600, false],
  [0o640, false],
  [0o660, false],
  [0o644, true],
  [0o602, true],
])('mode %o', async (mode, isOpen) => {
  expect(await readToken(fileWith(`  ${TOKEN}\n\n`, mode))).toEqual({ token: TOKEN, isOpen });
});

test.each<[what: string, content: string | Buffer, message: RegExp]>([
  ['nothing', '', /is empty$/],
  ['blanks', ' \n\t\n', /is empty$/],
  ['few characters', 'hunter2', /has fewer than 16 characters, so it could be guessed$/],
  ['two words', 'hunter2 hunter2 hunter2', /one word of printable ASCII/],
  ['two lines', 'hunter2hunter2hunter2\nhunter2hunter2hunter2\n', /one word of printable ASCII/],
  ['letters of another script', 'hunter2-ключ-ключ-ключ', /one word of printable ASCII/],
  ['bytes', Buffer.alloc(32, 1), /one word of printable ASCII/],
  ['much', 'hunter2'.repeat(1000), /has more than 4096 bytes$/],
])('%s', async (_, content, message) => {
  const error = await readToken(fileWith(content)).catch((thrown: Error) => thrown);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toMatch(message);
  expect(String(error)).not.toContain('hunter2');
});

test('what is no file', async () => {
  const dir = scratch();
  const [directory, pipe] = [join(dir, 'directory'), join(dir, 'pipe')];
  mkdirSync(directory);
  execFileSync('mkfifo', [pipe]);
  for (const path of [directory, pipe, '/dev/zero'])
    await expect(readToken(path)).rejects.toThrow(`cannot read the token in ${path}: it is not a file`);
  await expect(readToken(join(dir, 'missing'))).rejects.toThrow('no such file or directory');
});
