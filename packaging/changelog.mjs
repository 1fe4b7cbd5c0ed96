// CHANGELOG.md in the form that Debian's tools read: changelog.gz of the package.

/** One entry for each version; `now` (a Date) is that of a version without a date. */
export function debianChangelog(markdown, maintainer, now) {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((section) => entry(section, maintainer, now))
    .join('\n');
}

function entry(section, maintainer, now) {
  const [, version, date] = /^(\S+) \((.*)\)$/m.exec(section) ?? [];
  if (version === undefined)
    throw new Error(`CHANGELOG.md: expected "## VERSION (DATE)", found "## ${section.split('\n')[0]}"`);
  const points = section.split(/^- /m).slice(1);
  const text = points.map((point) => `  * ${wrapped(point).join('\n    ')}\n`).join('');
  const day = Number.isNaN(Date.parse(date)) ? now : new Date(date);
  const when = day.toUTCString().replace('GMT', '+0000');
  return `tsdirectord (${version}) unstable; urgency=medium\n\n${text}\n -- ${maintainer}  ${when}\n`;
}

/** Lines of at most 76 characters. */
function wrapped(text) {
  return text
    .trim()
    .replaceAll(/\s+/g, ' ')
    .match(/\S.{0,75}(?= |$)/g);
}
