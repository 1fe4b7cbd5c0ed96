// Where a text may hold a secret without being one: a URL or a command with `password=…` in it. Whatever follows such a word is hidden.

/** Stands for what is not shown. */
export const HIDDEN = '********';

/** Most texts have nothing of the kind. */
const SUSPECT = /pass|pwd|secret|token|api[-_]?key|auth|:\/\//i;
const SECRETIVE = /pass|pwd|secret|token|api[-_]?key/i;
/** Words, each looked at once: a text may be long. What follows tells an assignment, a JSON key, a header or an option's value. */
const WORDS = /(?<![\w-])([\w-]+)(\s*=|["']\s*:|:\s|\s)/g;
/** A password before the host of a URL. */
const USER_INFO = /(:\/\/[^\s/@:"']*:)[^\s/@"']+@/g;
/** Commands of Redis, FTP and POP3 that are nothing but a password: at the beginning of a request. */
const COMMANDS = /((?:^\s*|["'])\/?(?:AUTH|PASS)\s+)\S/i;

/** The text with what may be a secret hidden, up to its end; only in a URL up to the host. */
export function hideSecrets(text: string, hidden = HIDDEN): string {
  if (!SUSPECT.test(text)) return text;
  const shown = text.replace(USER_INFO, `$1${HIDDEN}@`);
  for (const { index, 0: found, 1: word = '', 2: then = '' } of shown.matchAll(WORDS))
    if (announces(word, then)) return shown.slice(0, index + found.length) + hidden;
  return shown;
}

/** The same for what a check asks, where a command may be one, too: as a reason "AUTH failed" is to be read. */
export function hideRequestSecrets(text: string, hidden = HIDDEN): string {
  const found = COMMANDS.exec(text);
  if (found === null) return hideSecrets(text, hidden);
  return hideSecrets(text.slice(0, found.index) + found[1], hidden) + hidden;
}

/** The same for a command's words: what follows one that announces a secret is hidden, too. */
export function hideSecretsInWords(words: readonly string[]): string[] {
  let isHidden = false;
  return words.map((word, index) => {
    const pair = `${words[index - 1] ?? ''} ${word}`;
    const shown = hideSecrets(word);
    if (isHidden || (shown === word && hideRequestSecrets(pair) !== pair)) {
      isHidden = true;
      return HIDDEN;
    }
    isHidden = shown !== word;
    return shown;
  });
}

/** Whether a secret comes after a word and what stands behind it. */
function announces(word: string, then: string): boolean {
  if (/^:\s/.test(then)) return /^(proxy-)?authorization$/i.test(word);
  if (/^\s$/.test(then)) return word.startsWith('-') && SECRETIVE.test(word);
  return SECRETIVE.test(word);
}
