// The description of the interface, which is also a file for people: share/tsdirectord/openapi.json.
import description from '../../../share/tsdirectord/openapi.json' with { type: 'json' };

/** Without the blanks of the file. */
export const OPENAPI = JSON.stringify(description);
