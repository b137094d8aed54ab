# SPDX-License-Identifier: Apache-2.0
"""Plans a motion in a scene as `action-images scene` writes it: generate.py SCENE OUT [MODEL]"""

import json
import sys
from pathlib import Path

import action_images as aim
from action_images.model import WorldModel

scene, out, name = Path(sys.argv[1]), Path(sys.argv[2]), (sys.argv[3:] or ["embedded"])[0]
rig = aim.load_rig(scene / "rig.json")
views = [scene / f"view_{view}.png" for view in range(len(rig))]
instruction = json.loads((scene / "scene.json").read_text())["instruction"]
rollout = WorldModel.load(name).generate(views, instruction, rig=rig, task="i2va", seed=0)
print(f"{instruction}: ends at x y z [m], ex ey ez [rad], openness: {rollout.actions[-1].round(3)}")
rollout.save(out)
