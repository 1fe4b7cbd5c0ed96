// The version that package.json names.
import manifest from '../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
