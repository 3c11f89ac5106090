/** Images as Terraform resources: local, pulled by version, or built from the Dockerfile. */
import { Image } from '@cdktf/provider-docker/lib/image/index.js';
import { AssetType, TerraformAsset } from 'cdktf';
import { Construct } from 'constructs';
import { type ImageChoice, type ImageSet, NODE_IMAGE_DIR } from '../images.ts';
import { IMAGE_ROLES, type ImageRole } from '../published-images.ts';

export class Images extends Construct {
  readonly #images: Readonly<Record<ImageRole, Image>>;

  constructor(scope: Construct, id: string, set: ImageSet) {
    super(scope, id);
    const made = IMAGE_ROLES.map((role) => [role, this.#image(role, set[role])] as const);
    this.#images = Object.fromEntries(made) as Record<ImageRole, Image>;
  }

  /** Returns the id of an image. A container is replaced when the id changes. */
  idOf(role: ImageRole): string {
    return this.#images[role].imageId;
  }

  // Destroy never removes an image: another environment may use it, and without a registry it cannot be restored.
  #image(role: ImageRole, choice: ImageChoice): Image {
    if (choice.kind === 'local') return new Image(this, role, { name: choice.tag, keepLocally: true });
    if (choice.kind === 'published')
      return new Image(this, role, { name: choice.reference, keepLocally: true });
    const context = new TerraformAsset(this, `${role}-context`, {
      path: NODE_IMAGE_DIR,
      type: AssetType.DIRECTORY,
    });
    return new Image(this, role, {
      name: choice.tag,
      keepLocally: true,
      buildAttribute: { context: context.path, buildArgs: { BASE: choice.base }, tag: [choice.tag] },
    });
  }
}
