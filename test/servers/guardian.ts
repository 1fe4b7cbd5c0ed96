// Sees to it that tests which are interrupted or killed leave no server and no directory behind.
import { type ChildProcess, spawn } from 'node:child_process';

/** Its input ends when the tests do, whatever ended them. */
const SCRIPT = `groups=
while read -r event main; do
  case $event in
    started) groups="$groups $main " ;;
    ended) groups="\${groups%% $main *} \${groups#* $main }" ;;
    released) exit ;;
  esac
done
for main in $groups; do kill -s KILL -- "-$main" $(pgrep -P "$main"); done
rm -rf "$1"
`;

export class Guardian {
  readonly #dir: string;
  #child: ChildProcess | undefined;

  /** @param dir of a site, which is removed with everything in it */
  constructor(dir: string) {
    this.#dir = dir;
  }

  start(): void {
    this.#child = spawn('/bin/sh', ['-c', SCRIPT, 'guardian', this.#dir], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    });
  }

  /** A server runs. @param main the process that leads its group */
  started(main: number): void {
    this.#tell(`started ${main}`);
  }

  /** Nothing of it is left. */
  ended(main: number): void {
    this.#tell(`ended ${main}`);
  }

  /** The site has been cleared up. */
  release(): void {
    this.#tell('released');
    this.#child?.stdin?.end();
  }

  #tell(event: string): void {
    this.#child?.stdin?.write(`${event}\n`);
  }
}
