// `npm run package:single`: dist/ and the Node.js that runs this, in one executable file; packaging/dist/tsdirectord.
// How it works: https://nodejs.org/docs/latest-v20.x/api/single-executable-applications.html
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'postject';
import { nodeLicence } from './licences.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(ROOT, 'dist');
const OUT = join(ROOT, 'packaging/dist');
const MAIN = 'tsdirectord.cjs';
/** What Node looks for in its own file: whether it is followed by :1, and the section. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const SECTION = 'NODE_SEA_BLOB';

/** Builds it from dist/ as it is, and returns its path. */
export async function buildSingle() {
  const work = mkdtempSync(join(tmpdir(), 'tsdirectord-single-'));
  try {
    const executable = join(work, 'tsdirectord');
    copyFileSync(process.execPath, executable);
    // Before the injection, which strip would not understand.
    execFileSync('strip', [executable]);
    await injected(executable, blobIn(work));
    mkdirSync(OUT, { recursive: true });
    // Whole or not at all, also while one of an earlier build runs. The temporary directory may be another file system.
    copyFileSync(executable, join(OUT, 'tsdirectord.new'));
    renameSync(join(OUT, 'tsdirectord.new'), join(OUT, 'tsdirectord'));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const notices = readFileSync(join(DIST, 'LICENSES'), 'utf8');
  writeFileSync(
    join(OUT, 'LICENSES'),
    `${notices}\n${'='.repeat(78)}\nNode.js ${process.version}\n\n${nodeLicence()}\n`,
  );
  return join(OUT, 'tsdirectord');
}

/** With V8's code cache for what every call runs; a start-up snapshot is three times larger and no quicker. */
function blobIn(work) {
  // Relative, because the path is stored: it is what a stack trace says, and nobody else has this folder.
  writeFileSync(
    join(work, MAIN),
    `${readFileSync(join(ROOT, 'packaging/single/prelude.cjs'))}\n${readFileSync(join(DIST, MAIN))}`,
  );
  const others = readdirSync(DIST).filter((file) => file.endsWith('.cjs') && file !== MAIN && file !== 'demo.cjs');
  const config = {
    main: MAIN,
    output: 'blob',
    disableExperimentalSEAWarning: true,
    useCodeCache: true,
    assets: Object.fromEntries(others.map((file) => [file, join(DIST, file)])),
  };
  writeFileSync(join(work, 'config.json'), JSON.stringify(config));
  // The seed, so that the code cache is the same each time.
  const args = ['--random-seed=1', '--experimental-sea-config', 'config.json'];
  execFileSync(process.execPath, args, { cwd: work, stdio: 'pipe' });
  return readFileSync(join(work, config.output));
}

async function injected(executable, blob) {
  const { warn } = console;
  // It warns of each nameless note of the ELF file, which has nothing to do with ours.
  console.warn = () => {};
  try {
    await inject(executable, SECTION, blob, { sentinelFuse: FUSE });
  } finally {
    console.warn = warn;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await buildSingle());
