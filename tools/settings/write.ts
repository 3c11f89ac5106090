/** Writes docs/settings.md and docs/schemas/: `npm run docs:settings`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchemas } from './json-schemas.ts';
import { settingsPage } from './settings-page.ts';

const DOCS = join(import.meta.dirname, '../../docs');

writeFileSync(join(DOCS, 'settings.md'), settingsPage());
mkdirSync(join(DOCS, 'schemas'), { recursive: true });
for (const [name, text] of jsonSchemas()) writeFileSync(join(DOCS, 'schemas', name), text);
