// What the bundle runs.
import { main } from './cli.ts';

void main(process.argv).then((code) => process.exit(code));
