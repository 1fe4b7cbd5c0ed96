// The status page as one HTML text. In the built program dist/page.cjs has it, ready, in place of this file (build.mjs).
import { joinPage } from './join.mjs';

/** Its styles and its script are within, and it has no other resource. */
export function pageText(): Promise<string> {
  return joinPage();
}
