// Writing manual pages: the few requests of man(7) that ours need, and text made safe for them.

/** Text as roff shows it unchanged. */
export function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('–', '\\(en')
    .replaceAll('…', '...')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^\./gm, '\\&.');
}

/** Text in which `words` in backquotes are bold, and *words* in italics. */
export function rich(text: string): string {
  return text
    .split(/(`[^`]+`|\*[^*\s]+\*)/)
    .map((part, index) => {
      if (index % 2 === 0) return plain(part);
      return part.startsWith('`') ? `\\fB${plain(part.slice(1, -1))}\\fR` : `\\fI${plain(part.slice(1, -1))}\\fR`;
    })
    .join('');
}

export const bold = (text: string): string => `\\fB${plain(text)}\\fR`;
export const italic = (text: string): string => `\\fI${plain(text)}\\fR`;

/** `.SH` with paragraphs, or whatever stands below it. */
export function section(title: string, ...body: readonly string[]): string {
  return `.SH ${title}\n${body.join('\n')}`;
}

export function subsection(title: string, ...body: readonly string[]): string {
  return `.SS ${plain(title)}\n${body.join('\n')}`;
}

export function paragraph(text: string): string {
  return `.PP\n${rich(text)}`;
}

/** A term (already roff) and what it means. */
export function item(term: string, ...meaning: readonly string[]): string {
  return `.TP\n${term}\n${meaning.join('\n.br\n')}`;
}

/** Lines as they are. */
export function example(text: string): string {
  return `.PP\n.RS 4\n.EX\n${plain(text.trimEnd())}\n.EE\n.RE`;
}

export function page(name: string, number: number, parts: readonly string[]): string {
  const note = '.\\" Made by test/share/share.test.ts (UPDATE_README=1) from the tables of the program: do not edit.';
  return `${note}\n.TH ${plain(name.toUpperCase())} ${number} "" "tsdirectord" "Linux Virtual Server"\n.nr HY 0\n.hy 0\n.ad l\n${parts.join('\n')}\n`;
}
