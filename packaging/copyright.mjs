// The Debian package's copyright file: ours, and of everything that is inside the executable.
// https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

/** Debian's machines have this text, and its packages say where. */
const APACHE = /^ *Apache License\s+Version 2\.0, January 2004.*?END OF TERMS AND CONDITIONS/gms;
const APACHE_PLACE = 'The text of the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.';

export function copyrightFile({ ours, packages, node }) {
  const header = [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/',
    'Upstream-Name: tsdirectord',
    'Comment: The executable contains the packages below node_modules, and Node.js.',
  ].join('\n');
  return `${[
    header,
    stanza('*', 'MIT', ours),
    ...packages.map(({ name, licence, text }) =>
      stanza(`node_modules/${name}/*`, licence, text, `the authors of ${name}`),
    ),
    stanza('node/*', 'Node.js', node),
  ].join('\n\n')}\n`;
}

function stanza(files, licence, text, authors) {
  return [
    `Files: ${files}`,
    `Copyright: ${folded(holders(text) || authors)}`,
    `License: ${licence}`,
    ` ${folded(text.replace(APACHE, APACHE_PLACE))}`,
  ].join('\n');
}

/** The lines that say whose it is, one below the other. */
function holders(text) {
  const lines = text.split('\n').map((line) => line.replace(/^[\s*#]+/, '').trim());
  const found = lines.filter((line) => /^copyright\b.*(\d{4}|@|contributors)/i.test(line));
  return [...new Set(found.map((line) => line.replace(/^copyright\s*(\(c\)|©)?\s*/i, '')))].join('\n');
}

/** Continuation lines begin with a blank; an empty one is a dot. */
function folded(text) {
  return text.replace(/[^\S\n]+$/gm, '').replaceAll(/\n(.?)/g, (_, next) => (next === '' ? '\n .' : `\n ${next}`));
}
