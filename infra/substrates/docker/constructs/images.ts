/** Images as Terraform resources: local, pulled by version, or built from the Dockerfile. */
import { Image } from '@cdktf/provider-docker/lib/image/index.js';
import { AssetType, TerraformAsset } from 'cdktf';
import { Construct } from 'constructs';
import { type ImageChoice, type ImageSet, NODE_IMAGE_DIR } from '../images.ts';
import type { ImageRole } from '../published-images.ts';
import type { OnEngine } from './hardening.ts';

export class Images extends Construct {
  readonly #images: Partial<Readonly<Record<ImageRole, Image>>>;
  readonly #on: OnEngine;

  /** @param roles images that the containers on the engine use */
  constructor(scope: Construct, id: string, set: ImageSet, roles: readonly ImageRole[], on: OnEngine) {
    super(scope, id);
    this.#on = on;
    this.#images = Object.fromEntries(roles.map((role) => [role, this.#image(role, set[role])]));
  }

  /** Returns the id of an image. A container is replaced when the id changes. */
  idOf(role: ImageRole): string {
    const image = this.#images[role];
    if (image === undefined) throw new Error(`no image for ${role}`);
    return image.imageId;
  }

  // Destroy never removes an image: another environment may use it, and without a registry it cannot be restored.
  #image(role: ImageRole, choice: ImageChoice): Image {
    if (choice.kind === 'local')
      return new Image(this, role, { ...this.#on, name: choice.tag, keepLocally: true });
    if (choice.kind === 'published')
      return new Image(this, role, { ...this.#on, name: choice.reference, keepLocally: true });
    const context = new TerraformAsset(this, `${role}-context`, {
      path: NODE_IMAGE_DIR,
      type: AssetType.DIRECTORY,
    });
    return new Image(this, role, {
      ...this.#on,
      name: choice.tag,
      keepLocally: true,
      buildAttribute: { context: context.path, buildArgs: { BASE: choice.base }, tag: [choice.tag] },
    });
  }
}
