// `npm run package:deb`: the Debian package, made by dpkg-deb alone; packaging/dist/tsdirectord_VERSION_ARCHITECTURE.deb.
// The same sources, Node.js and SOURCE_DATE_EPOCH (if not given: the last commit's time) give the same package.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { debianChangelog } from './changelog.mjs';
import { copyrightFile } from './copyright.mjs';
import { nodeLicence } from './licences.mjs';
import { buildSingle } from './single.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = '/usr/lib/tsdirectord/tsdirectord';
/** What is in /etc and no configuration is a link: it goes with the package, and dpkg never asks about it. */
const LINKS = {
  '/usr/sbin/tsdirectord': '../lib/tsdirectord/tsdirectord',
  '/etc/ha.d/resource.d/tsdirectord': '/usr/lib/tsdirectord/resource.d/tsdirectord',
};
const DOCUMENTS = '/usr/share/doc/tsdirectord';

const { version: VERSION } = JSON.parse(textOf('package.json'));
const ARCHITECTURE = run('dpkg', ['--print-architecture']);
const EPOCH = Number(process.env.SOURCE_DATE_EPOCH ?? lastCommit('%ct'));
const { DEBFULLNAME, DEBEMAIL } = process.env;
const MAINTAINER = DEBEMAIL ? `${DEBFULLNAME ?? 'tsdirectord'} <${DEBEMAIL}>` : lastCommit('%an <%ae>');

/** Builds it from dist/ as it is, and returns its path. */
async function buildPackage() {
  process.umask(0o022);
  const executable = await buildSingle();
  const work = fs.mkdtempSync(join(tmpdir(), 'tsdirectord-deb-'));
  try {
    const root = join(work, 'root');
    await fill(root, executable);
    writeControl(root, librariesOf(executable, work));
    for (const path of everythingIn(root)) fs.lutimesSync(path, EPOCH, EPOCH);
    const path = join(dirname(executable), `tsdirectord_${VERSION}_${ARCHITECTURE}.deb`);
    const env = { ...process.env, SOURCE_DATE_EPOCH: String(EPOCH) };
    // Level 4 takes half the time of 6, for one megabyte more.
    run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z4', '--build', root, `${path}.new`], { env });
    fs.renameSync(`${path}.new`, path);
    return path;
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

async function fill(root, executable) {
  copy(executable, join(root, PROGRAM));
  for (const { source, debian } of await installedFiles()) {
    if (debian.endsWith('.gz')) write(join(root, debian), gzipSync(textOf(source), { level: 9 }));
    else copy(join(ROOT, source), join(root, LINKS[debian] ?? debian));
  }
  for (const [link, file] of Object.entries(LINKS)) fs.symlinkSync(file, made(join(root, link)));
  const packages = JSON.parse(textOf('packaging/dist/bundled.json'));
  const copyright = copyrightFile({ ours: textOf('LICENSE').trim(), packages, node: nodeLicence() });
  write(join(root, DOCUMENTS, 'copyright'), copyright);
  const changelog = debianChangelog(textOf('CHANGELOG.md'), MAINTAINER, new Date(EPOCH * 1000));
  write(join(root, DOCUMENTS, 'changelog.gz'), gzipSync(changelog, { level: 9 }));
  copy(join(ROOT, 'packaging/debian/lintian-overrides'), join(root, '/usr/share/lintian/overrides/tsdirectord'));
}

/** The table that --print-files shows; the program and the copyright file are made otherwise. */
async function installedFiles() {
  const entryPoints = [join(ROOT, 'src/commands/installed-files.ts')];
  const { outputFiles } = await build({ entryPoints, format: 'esm', write: false });
  const url = `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`;
  const { INSTALLED_FILES } = await import(url);
  const otherwise = ['/usr/sbin/tsdirectord', `${DOCUMENTS}/copyright`, undefined];
  return INSTALLED_FILES.filter(({ debian }) => !otherwise.includes(debian));
}

function writeControl(root, libraries) {
  const files = everythingIn(root).filter((path) => fs.lstatSync(path).isFile());
  const kib = files.reduce((sum, path) => sum + Math.ceil(fs.statSync(path).size / 1024), 0);
  const values = { VERSION, ARCHITECTURE, MAINTAINER, SIZE: kib, LIBRARIES: libraries };
  const control = textOf('packaging/debian/control').replace(/@(\w+)@/g, (_, name) => values[name]);
  write(join(root, 'DEBIAN/control'), control);
  const sums = files.map((path) => `${md5(path)}  ${path.slice(root.length + 1)}\n`);
  write(join(root, 'DEBIAN/md5sums'), sums.join(''));
  write(join(root, 'DEBIAN/conffiles'), '/etc/logrotate.d/ipvs-tsdirectord\n');
  for (const name of ['postinst', 'prerm', 'postrm', 'triggers'])
    copy(join(ROOT, 'packaging/debian', name), join(root, 'DEBIAN', name));
}

/** The packages, with versions, that have the shared libraries. */
function librariesOf(executable, work) {
  // dpkg-shlibdeps will not work without.
  write(join(work, 'debian/control'), 'Source: tsdirectord\n\nPackage: tsdirectord\nArchitecture: any\n');
  const said = run('dpkg-shlibdeps', ['-O', `-e${executable}`], { cwd: work });
  return said.replace('shlibs:Depends=', '');
}

/** In an order that is always the same, folders and links too. */
function everythingIn(root) {
  return [
    root,
    ...fs
      .readdirSync(root, { recursive: true })
      .sort()
      .map((path) => join(root, path)),
  ];
}

function copy(from, to) {
  fs.copyFileSync(from, made(to));
  fs.chmodSync(to, fs.statSync(from).mode & 0o100 ? 0o755 : 0o644);
}

function write(path, content) {
  fs.writeFileSync(made(path), content);
}

/** The path, once its folder is there. */
function made(path) {
  fs.mkdirSync(dirname(path), { recursive: true });
  return path;
}

function md5(path) {
  return createHash('md5').update(fs.readFileSync(path)).digest('hex');
}

function textOf(path) {
  return fs.readFileSync(join(ROOT, path), 'utf8');
}

function lastCommit(format) {
  return run('git', ['-C', ROOT, 'log', '-1', `--format=${format}`]);
}

function run(program, args, options) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options }).trim();
  } catch (error) {
    throw new Error(`${basename(program)}: ${error.stderr || error.message}`, { cause: error });
  }
}

console.log(await buildPackage());
