// Which packages are in the bundles, by esbuild's own account, and the notices that their licences ask for.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** In the order of their names: { name, version, licence (SPDX), text }. Throws where one has no licence text. */
export function bundledPackages(metafiles) {
  const folders = new Set(metafiles.flatMap(({ inputs }) => Object.keys(inputs)).flatMap(packageFolder));
  return [...folders].map(packageIn).sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1));
}

/** The licences in one text, each package's after its name. */
export function noticesOf(packages) {
  const sections = packages.map(({ name, version, text }) => `${'='.repeat(78)}\n${name} ${version}\n\n${text}\n`);
  return `tsdirectord contains these packages, each under its own licence.\n\n${sections.join('\n')}`;
}

/** The licence of the Node.js that runs this, which names everything that is in it. Throws where it is not installed. */
export function nodeLicence() {
  const prefix = dirname(dirname(process.execPath));
  const places = ['LICENSE', 'share/doc/node/LICENSE', 'share/doc/nodejs/LICENSE', 'share/doc/nodejs/copyright'];
  const found = places.map((place) => join(prefix, place)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`no licence of ${process.execPath} in ${prefix}: ${places.join(', ')}`);
  return readFileSync(found, 'utf8').trim();
}

/** The package's folder in the path of one of its files; nothing for our own. */
function packageFolder(path) {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
}

function packageIn(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const text = licenceFile(folder) ?? licenceSection(folder);
  if (text === undefined) throw new Error(`${folder} has no licence text, so it cannot be bundled`);
  return { name, version, licence: license, text: text.trim() };
}

function licenceFile(folder) {
  return read(folder, /^(licen[cs]e|copying)(\.(md|txt))?$/i);
}

/** Some say it in their README only. */
function licenceSection(folder) {
  const [, section] = /^#+ *licen[cs]e *\n(.*)/ims.exec(read(folder, /^readme(\.md)?$/i) ?? '') ?? [];
  return section !== undefined && /copyright/i.test(section) ? section : undefined;
}

function read(folder, name) {
  const file = readdirSync(folder).find((each) => name.test(each));
  return file && readFileSync(join(folder, file), 'utf8');
}
