/**
 * Addresses under which a destroy removes everything at the same time. The provider waits 2 s before it removes a network or
 * a volume, and Terraform begins with those only after the last container: the state keeps, with each resource, the addresses
 * of those that it needs. Terraform does not follow a `moved` block there. So the text of a destroy calls every resource by
 * another name and says where it was; nobody in it knows of an order, and the provider's waits run beside the containers' ends
 * (it tries a network with endpoints and a volume in use again after 7, 17 and 27 s; a container has 20 s to stop).
 * The text of a deploy says the way back: what an interrupted destroy left is found under its own name. A Terraform that did
 * follow would keep the order and take longer, nothing else.
 */
import { TerraformResource } from 'cdktf';
import type { IConstruct } from 'constructs';

const SUFFIX = '_leaving';

/** What a resource is called in the text of a destroy. */
export const leavingId = (id: string): string => `${id}${SUFFIX}`;

/** Every resource below, from the name that it has in the other text to its name in this one. */
export function movesOf(root: IConstruct, leaving: boolean): readonly { from: string; to: string }[] {
  return root.node
    .findAll()
    .filter(TerraformResource.isTerraformResource)
    .map(({ terraformResourceType, friendlyUniqueId }) => {
      const here = `${terraformResourceType}.${friendlyUniqueId}`;
      const there = leaving ? here.slice(0, -SUFFIX.length) : leavingId(here);
      return { from: there, to: here };
    });
}
