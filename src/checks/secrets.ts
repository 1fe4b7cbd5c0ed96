// Keeps passwords and shared secrets out of reasons and traces, also when a server sends them back: cut out where a library tells
// whole texts, or found in part where a line may be any echo of what was sent.

/**
 * The text with every occurrence of the secret replaced by "***"; as it is when the secret is empty. To be called before the
 * text is cut or escaped.
 */
export function hideSecret(text: string, secret: string): string {
  return secret === '' ? text : text.replaceAll(secret, '***');
}

/** The same for bytes, in which the secret is looked for as UTF-8. */
export function hideSecretBytes(bytes: Buffer, secret: string): Buffer {
  return Buffer.from(hideSecret(bytes.toString('latin1'), Buffer.from(secret).toString('latin1')), 'latin1');
}

/** Stands where words would tell a secret. */
export const NOT_SHOWN = '(not shown: it holds a part of the password)';

/** So much of a secret's beginning or end gives it away: an echo may be cut. Fewer characters are found in many a word. */
const PART = 6;

/** Finds `secret`, or its beginning or end, in words (given as latin1), however they are quoted and in whatever case. */
export function secretFinder(secret: string): (words: string) => boolean {
  if (secret === '') return () => false;
  const sought = bare(Buffer.from(secret).toString('latin1'));
  const beginning = sought.slice(0, PART);
  const end = sought.slice(-PART);
  return (words) => {
    const searched = bare(words);
    return searched.includes(beginning) || searched.includes(end);
  };
}

/** Without what an echo may add or leave out. */
function bare(text: string): string {
  return text.replace(/[\s"'\\]/g, '').toLowerCase();
}
