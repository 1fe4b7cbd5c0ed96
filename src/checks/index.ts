// The checks, one line each. A kind of CheckSpecs that has no line here does not compile.
import type { CheckKind } from '../config/model.ts';
import type { Check } from './check.ts';
import { combined } from './combined.ts';
import { connect } from './connect.ts';
import { external } from './external.ts';
import { http } from './http.ts';
import { ping } from './ping.ts';

export const CHECKS: { readonly [K in CheckKind]: Check<K> } = { combined, connect, external, http, ping };
