// The file with the token that whoever steers the daemon over HTTP must have.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { systemReason } from '../errors.ts';

/** Fewer could be guessed by somebody who may try for long. */
const LEAST_CHARACTERS = 16;
const MOST_BYTES = 4096;

export interface TokenFile {
  readonly token: string;
  /** Whether other users of this machine may read or change it. */
  readonly isOpen: boolean;
}

/** Reads it. Throws an Error whose message says in words why it cannot be used, and holds nothing of the file. */
export async function readToken(path: string): Promise<TokenFile> {
  const { text, mode } = await contentOf(path).catch((error) => {
    throw new Error(`cannot read the token in ${path}: ${systemReason(error)}`, { cause: error });
  });
  const token = text.trim();
  if (token === '') throw new Error(`the token file ${path} is empty`);
  if (!/^[\x21-\x7e]*$/.test(token))
    throw new Error(`the token in ${path} must be one word of printable ASCII characters`);
  if (token.length < LEAST_CHARACTERS)
    throw new Error(`the token in ${path} has fewer than ${LEAST_CHARACTERS} characters, so it could be guessed`);
  return { token, isOpen: (mode & 0o006) !== 0 };
}

/** As much as a token may have, and one byte more. */
async function contentOf(path: string): Promise<{ text: string; mode: number }> {
  // Without waiting for anybody, should it be a pipe.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new Error('it is not a file');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MOST_BYTES + 1), 0, MOST_BYTES + 1, 0);
    if (bytesRead > MOST_BYTES) throw new Error(`it has more than ${MOST_BYTES} bytes`);
    return { text: buffer.toString('latin1', 0, bytesRead), mode: info.mode };
  } finally {
    await file.close();
  }
}
