# SPDX-License-Identifier: Apache-2.0
"""A simulated tabletop: scenes to train on, scenes to be measured on, and the measures.

Needs the extra ``action-images[simulation]`` (MuJoCo) to render; never imports torch.
"""

from .dataset import write_dataset
from .evaluation import evaluate
from .label_evaluation import evaluate_labels
from .scene import Block, CameraPose, Scene, sample_scene, scene_domain
from .scene_files import write_scene
from .tabletop import Episode, TabletopScene
from .video_evaluation import evaluate_videos

__all__ = [
    "Block",
    "CameraPose",
    "Episode",
    "Scene",
    "TabletopScene",
    "evaluate",
    "evaluate_labels",
    "evaluate_videos",
    "sample_scene",
    "scene_domain",
    "write_dataset",
    "write_scene",
]
