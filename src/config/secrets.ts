// Where a text may hold a secret without being one: a URL or a command with `password=…` in it. Whatever follows such a word is hidden.

const SECRET_FOLLOWS = /((?:pass|pwd|secret)[\w-]*\s*=).*/is;

/** Stands for what is not shown. */
export const HIDDEN = '********';

/** The text with what may be a secret hidden, up to its end. */
export function hideSecrets(text: string): string {
  return text.replace(SECRET_FOLLOWS, `$1${HIDDEN}`);
}
