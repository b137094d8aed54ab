# SPDX-License-Identifier: Apache-2.0
"""Networks, sampling, world model and training of Action Images (needs torch); `action_images.model` is its face."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, device, dtype
from typing_extensions import Self

from ._codec import Camera, Rig

_Path = Union[str, os.PathLike[str]]
_Config = dict[str, Any]
_Denoiser = Callable[[Tensor, Tensor], Tensor]

class _Network:
    """What all networks have in common: named parameters, under the names of the published checkpoints."""

    @property
    def config(self) -> _Config: ...
    @property
    def num_parameters(self) -> int: ...
    def state_dict(self) -> dict[str, Tensor]:
        """Parameters by name; they share memory with the network."""
    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Copies tensors into the parameters. Raises ValueError listing every name that does not fit."""
    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """(name, parameter) in the order of declaration; training changes these in place."""
    def initialize(self, seed: int) -> None:
        """Fills the parameters for training from scratch: equal for equal seeds."""
    @overload
    def to(self, *targets: Union[dtype, device, str]) -> Self:
        """Casts the parameters to a dtype, moves them to a device, or both, and returns the network."""
    @overload
    def to(self, *, dtype: Union[dtype, None] = None, device: Union[device, str, None] = None) -> Self: ...
    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets whether the parameters get gradients, and returns the network."""

class FrameSource:
    """Where the pictures of one view come from."""

    @property
    def frames(self) -> int | None:
        """How many there are, or None if the source cannot say."""
    def read(self, frames: Sequence[int], height: int, width: int) -> NDArray[np.uint8]:
        """The frames of these numbers, cropped to the aspect ratio and resized: (n, height, width, 3).

        Raises ValueError for a number that there is not, FormatError for a file that cannot be read.
        """

class EpisodeView:
    """What one camera saw of an episode.

    cameras: a Camera, or one of every frame, whose last one serves from its end on; of the pictures' own size. pictures: a
    path of a video, an array (T, H, W, 3) uint8, a FrameSource, or an object with read(frames, height, width) that gives
    (n, H, W, 3) uint8 of any size.
    """

    def __init__(self, cameras: Camera | Sequence[Camera], pictures: Any, *, name: str = "") -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def cameras(self) -> list[Camera]: ...
    @property
    def pictures(self) -> FrameSource: ...

class Episode:
    """One demonstration; its pictures are read when they are asked for.

    texts: instructions that say the same, or one. actions: (T, 7) or None. frame_rate [1/s], 0 if it is not known. frames: T;
    by default as many as there are actions, or pictures of the shortest view. name: for messages, a path. interval:
    frames from one of a clip to the next, if the user does not say otherwise.

    Raises ValueError naming what is missing, not finite or does not fit.
    """

    def __init__(
        self,
        views: Sequence[EpisodeView],
        *,
        texts: str | Sequence[str] = (),
        actions: ArrayLike | None = None,
        frame_rate: float = 0.0,
        frames: int | None = None,
        name: str = "",
        interval: int = 1,
    ) -> None: ...
    @property
    def name(self) -> str: ...
    @property
    def texts(self) -> list[str]: ...
    @property
    def frames(self) -> int: ...
    @property
    def frame_rate(self) -> float: ...
    @property
    def interval(self) -> int: ...
    @property
    def views(self) -> list[EpisodeView]: ...
    @property
    def actions(self) -> NDArray[np.float64] | None: ...

class EpisodeSource:
    """A data set: episodes by number."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Episode: ...
    @property
    def name(self) -> str: ...
    @property
    def layout(self) -> str: ...
    @property
    def notices(self) -> list[str]: ...
    def episode_name(self, index: int) -> str: ...
    def fingerprint(self) -> str: ...

class WindowOptions:
    """Which part of an episode becomes a clip: zeros are what the episode has. augmentation: brightness, contrast,
    saturation, crop. Raises ValueError for a number out of range."""

    def __init__(
        self,
        frames: int,
        size: tuple[int, int],
        views: int,
        interval: int,
        augmentation: tuple[float, float, float, float],
    ) -> None: ...

class Clip:
    """Some frames of an episode, the same of all views."""

    @property
    def text(self) -> str: ...
    @property
    def video(self) -> Tensor:
        """uint8 (V, T, H, W, 3)"""
    @property
    def actions(self) -> NDArray[np.float64] | None: ...
    @property
    def rig(self) -> Rig: ...
    @property
    def source(self) -> str: ...
    @property
    def episode(self) -> str: ...
    @property
    def layout(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def interval(self) -> int: ...
    @property
    def views(self) -> list[int]: ...

class ClipSampler:
    """Clips of a mixture; action_images.data.ClipSampler documents the arguments."""

    def __init__(
        self,
        mixture: str | Sequence[tuple[Any, float]],
        root: str,
        window: WindowOptions,
        seed: int,
        max_bad_share: float,
        on_bad: Callable[[dict[str, Any]], Any] | None,
    ) -> None: ...
    def clip(self, index: int) -> Clip: ...
    def report(self) -> dict[str, Any]: ...
    def episodes(self) -> int: ...
    def fingerprint(self) -> str: ...

class ClipLoader:
    """Clips made in advance; action_images.data.ClipLoader documents the arguments."""

    def __init__(
        self,
        sampler: ClipSampler,
        indices: Sequence[int],
        threads: int,
        max_clips: int,
        max_bytes: int,
        pin_memory: bool,
    ) -> None: ...
    def next(self) -> Clip | None: ...
    def wait_seconds(self) -> float: ...

class TensorRig:
    """The cameras of V views as tensors of one device; `action_images.model.tensor_rig` makes one of a Rig.

    intrinsics (V, 3, 3) or (V, T, 3, 3) [px]; world_from_camera (V, 4, 4) or (V, T, 4, 4), OpenCV's axes [m];
    distortion (V, 8) or (V, T, 8): k1 k2 p1 p2 k3 k4 k5 k6 of a Brown-Conrady lens (zeros: a pinhole) or k1 k2 k3 k4
    0 0 0 0 of a fisheye; fisheye (V,) or (V, T) bool. Raises ValueError if they do not fit together.
    """

    def __init__(
        self,
        *,
        intrinsics: Tensor,
        world_from_camera: Tensor,
        height: int,
        width: int,
        distortion: Tensor | None = None,
        fisheye: Tensor | None = None,
    ) -> None: ...
    @property
    def intrinsics(self) -> Tensor: ...
    @property
    def world_from_camera(self) -> Tensor: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    def __len__(self) -> int: ...

class TensorDecoded:
    """What action images say, (...) leading axes, T frames of V views, on the images' device.

    A frame that is not valid has confidence 0 and a NaN pose. float64 if the images are, else float32.
    """

    @property
    def actions(self) -> Tensor:
        """(..., T, 7): x y z [m], ex ey ez [rad, fixed axes xyz], openness [0, 1]"""
    @property
    def points(self) -> Tensor:
        """(..., T, 3, 3): position, normal, up; x y z in world [m]"""
    @property
    def covariance(self) -> Tensor:
        """(..., T, 3, 3, 3) of each point, in world axes [mm^2]"""
    @property
    def point_confidence(self) -> Tensor:
        """(..., T, 3), 0..1"""
    @property
    def confidence(self) -> Tensor:
        """(..., T), 0..1: of the action"""
    @property
    def reprojection_error(self) -> Tensor:
        """(..., T, 3, V): from the seen to the projected point [px]; NaN if the view does not see it"""
    @property
    def pixels(self) -> Tensor:
        """(..., T, 3, V, 2): where each view sees the point [px]; NaN if it does not"""
    @property
    def sigma(self) -> Tensor:
        """(..., T, 3, V): fitted standard deviation of the blob [px]; NaN if the view does not see it"""
    @property
    def used(self) -> Tensor:
        """(..., T, 3, V) bool: the view took part in the point"""
    @property
    def valid(self) -> Tensor:
        """(..., T) bool"""

class WanConditions:
    """What stays the same over the denoising steps; made by WanTransformer.prepare()."""

class WanTransformer(_Network):
    """Wan's video diffusion transformer, with camera layers when camera_channels > 0.

    config: dim, in_dim, ffn_dim, out_dim, text_dim, freq_dim, eps, patch_size, num_heads, num_layers, has_image_input,
    camera_channels, camera_pool, image_stem, pooled_text_modulation, rope_theta, all optional, and "preset": one of
    wan2.2-ti2v-5b, wan2.1-t2v-1.3b, wan2.1-t2v-14b, wan2.1-i2v-14b-480p, action-images-5b, embedded. tensors: to compute
    with instead of fresh ones, not copied; gradients reach them.
    """

    def __init__(self, config: _Config = ..., tensors: Mapping[str, Tensor] | None = None) -> None: ...
    def __call__(
        self,
        latents: Tensor,
        timestep: Tensor,
        text: Tensor,
        camera: Tensor | None = None,
        first_frames: Tensor | None = None,
        time_positions: Sequence[int] | None = None,
        y: Tensor | None = None,
        clip: Tensor | None = None,
        checkpoint: bool = False,
    ) -> Tensor:
        """Velocity (B, out_dim, T, H, W) of noisy latents.

        latents (B, in_dim, T, H, W); timestep (B,) or (B, tokens) in [0, 1000]; text (B, L, text_dim), zero rows =
        padding; camera (B, T, camera_channels, H, W); first_frames (B, V, 3, height, width) in [-1, 1], only with
        image_stem; time_positions: rotary time index of each frame of tokens, 0, 1, 2, ... by default; y (B, C, T, H,
        W): channels that follow those of the latents, which then have in_dim - C; clip (B, M, 1280): tokens of
        WanImageEncoder, with has_image_input. checkpoint: compute each block again in the backward pass instead of
        keeping its inner results.
        """
    def prepare(
        self,
        text: Tensor,
        grid: Sequence[int],
        camera: Tensor | None = None,
        first_frames: Tensor | None = None,
        time_positions: Sequence[int] | None = None,
        y: Tensor | None = None,
        clip: Tensor | None = None,
    ) -> WanConditions:
        """What forward() needs besides latents and time step; grid is (T, H, W) of the latents."""
    def forward(
        self, latents: Tensor, timestep: Tensor, conditions: WanConditions, checkpoint: bool = False
    ) -> Tensor:
        """As calling the network, with conditions that were prepared once."""

class WanFunctional:
    """WanTransformer in pieces, as functions of parameters (dicts of tensors) and inputs; `action_images.nn` uses it."""

    def __init__(self, config: _Config) -> None: ...
    @property
    def config(self) -> dict[str, Any]: ...
    def outer_shapes(self) -> list[tuple[str, list[int]]]:
        """(name, shape) of the parameters outside of the blocks; the blocks' would be before the head's."""
    def block_shapes(self) -> list[tuple[str, list[int]]]:
        """(name, shape) of a block's parameters."""
    def embed(
        self,
        parameters: Mapping[str, Tensor],
        latents: Tensor,
        timestep: Tensor,
        text: Tensor,
        camera: Tensor | None = None,
        first_frames: Tensor | None = None,
        time_positions: Sequence[int] | None = None,
        y: Tensor | None = None,
        clip: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """What blocks and head take, by the names of their arguments; inputs as of WanTransformer."""
    def block(
        self,
        parameters: Mapping[str, Tensor],
        x: Tensor,
        text: Tensor,
        time_projection: Tensor,
        rotary: Tensor,
        time_index: Tensor | None = None,
        camera: Tensor | None = None,
        image: Tensor | None = None,
    ) -> Tensor:
        """The tokens x (B, N, dim) after a block."""
    def head(
        self,
        parameters: Mapping[str, Tensor],
        x: Tensor,
        time_embedding: Tensor,
        grid: Sequence[int],
        time_index: Tensor | None = None,
    ) -> Tensor:
        """Velocity (B, out_dim, T, H, W); grid is (T, H, W)."""

class UMT5Encoder(_Network):
    """The encoder of UMT5, the text encoder of Wan 2.1 and 2.2.

    config: vocab, dim, dim_attn, dim_ffn, num_heads, num_layers, num_buckets, shared_pos, all optional, and "preset":
    "umt5-xxl". tensors: as for WanTransformer. load_state_dict also takes the names of transformers' UMT5EncoderModel.
    """

    def __init__(self, config: _Config = ..., tensors: Mapping[str, Tensor] | None = None) -> None: ...
    def __call__(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Hidden states (B, L, dim) of token ids (B, L) int64, zero where mask (B, L) is."""

class WanImageEncoder(_Network):
    """The image encoder of Wan 2.1 I2V 14B: CLIP ViT-H/14 without its last layer.

    config: image_size, patch_size, dim, ffn_dim, num_heads, num_layers, eps, all optional, and "preset": "wan2.1-clip".
    tensors: as for WanTransformer. load_state_dict also takes a whole published file or transformers' CLIPVisionModel.
    """

    def __init__(self, config: _Config = ..., tensors: Mapping[str, Tensor] | None = None) -> None: ...
    def __call__(self, images: Tensor) -> Tensor:
        """Tokens (B, (image_size / patch_size)^2 + 1, dim) of images (B, 3, H, W) in [-1, 1], of any size."""

class VGGT(_Network):
    """VGGT: cameras, depth and points of any number of pictures in one pass.

    config: img_size, patch, embed, heads, dino_depth, depth, reg, cam_depth, cam_heads, features, out_channels, taps, all
    optional; the defaults are VGGT-1B's. tensors: as for WanTransformer. load_state_dict also takes the whole published
    file, whose tracking head is left out.
    """

    def __init__(self, config: _Config = ..., tensors: Mapping[str, Tensor] | None = None) -> None: ...
    def __call__(
        self, images: Tensor, *, depth: bool = True, points: bool = True, chunk: int = 8
    ) -> dict[str, Any]:
        """What it sees in images (B, S, 3, H, W) RGB in [0, 1], H and W multiples of the patch size.

        pose_enc (B, S, 9), pose_enc_list (the same after each iteration), extrinsics (B, S, 3, 4) world-to-camera,
        intrinsics (B, S, 3, 3), depth (B, S, H, W, 1), depth_conf (B, S, H, W), world_points (B, S, H, W, 3),
        world_points_conf (B, S, H, W). depth=False, points=False: without that head. chunk: pictures a head takes at once.
        """

    def aggregate(self, images: Tensor, outputs: Sequence[int]) -> list[Tensor | None]:
        """Outputs of the aggregator by index, each (B, S, tokens, 2 embed) float32; None for those not asked for."""

    def trunk_to(self, dtype: dtype) -> Self:
        """Casts all but the heads, e.g. to bfloat16, and returns the network."""

def cameras_from_pose_encoding(pose_encoding: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """(extrinsics (..., 3, 4) world-to-camera, intrinsics (..., 3, 3)) of VGGT's nine numbers (..., 9)."""

def pose_encoding_from_cameras(extrinsics: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """The nine numbers (..., 9) of cameras; the inverse of cameras_from_pose_encoding."""

def points_from_depth(
    depth: Tensor, extrinsics: Tensor, intrinsics: Tensor, pixel_offset: float = 0.5
) -> Tensor:
    """Points (..., H, W, 3) in the world that depth (..., H, W) shows; pixel_offset 0 is what VGGT's own code takes."""

def vggt_pictures(
    pictures: Sequence[Tensor], sizing: str = "crop", side: int = 518, patch: int = 14
) -> tuple[Tensor, list[tuple[float, float, float, float]]]:
    """Pictures, each (H, W, 3 or 4) uint8, as VGGT takes them: (images (S, 3, H, W) in [0, 1], placements).

    sizing: "crop", "pad", "square" or "release". A placement (scale_x, scale_y, offset_x, offset_y) says where a picture
    lies in its image: x' = scale_x x + offset_x.
    """

def intrinsics_of_pictures(
    intrinsics: Tensor, placements: Sequence[tuple[float, float, float, float]]
) -> Tensor:
    """Intrinsics (S, 3, 3) of the pictures themselves, from those of what the network saw."""

def estimate_scene(
    weights: VGGT | _Path,
    pictures: Sequence[Tensor],
    *,
    sizing: str = "crop",
    percentile: float = 50.0,
    min_confidence: float = 0.0,
    pixel_offset: float = 0.5,
    chunk: int = 8,
    cache: _Path | None = None,
    config: _Config | None = None,
    dtype: dtype | None = None,
    device: device | None = None,
    progress: Callable[[str, int, int], Any] | None = None,
) -> dict[str, Any]:
    """Cameras and points of pictures, each (H, W, 3 or 4) uint8; action_images.model.estimate_scene documents it.

    A dict of cameras (list, in the pictures' own pixels), rig, points (N, 3), colors (N, 3) uint8, confidence (N,), depth
    and depth_confidence (S, H, W), placements, and quality as JSON. Raises ValueError, ShapeError, FormatError or
    NumericalError.
    """

def common_pictures(pictures: Sequence[Tensor]) -> Tensor:
    """The pictures (S, H, W, 3) uint8 that the rig of estimate_scene is for."""

def center_crop_resize(pictures: Tensor, height: int, width: int) -> Tensor:
    """Pictures (V, T, H, W, 3) uint8 cropped and resized as Camera.center_crop_resize puts them."""

def load_vggt(
    path: _Path, *, config: _Config | None = None, dtype: dtype | None = None, device: device | None = None
) -> VGGT:
    """The VGGT of published weights: a file, or a folder with one. They stay on disk, mapped, where they keep their dtype.

    config: if the shapes do not tell it. dtype: of all but the heads. Raises FormatError for files that are missing,
    damaged or of something else.
    """

class EmbeddingCache:
    """Prompt embeddings on disk, named by the SHA-1 of encoder, cleaning, length and prompt.

    encoder: names the weights, the tokenizer and the dtype. length: rows of an embedding, padding included. A file that
    is damaged is computed again, and one that cannot be written is not kept, both with a RuntimeWarning.
    """

    def __init__(self, folder: _Path, encoder: str, length: int = 512, cleaning: str = "whitespace") -> None: ...
    def embed(self, prompts: Sequence[str], encode: Callable[[list[str]], Tensor]) -> Tensor:
        """Embeddings (B, length, dim) of prompts.

        encode(prompts) -> (B, length, dim) is called at most once, with the prompts that are missing; load the text
        encoder there, and it is gone when the video model comes.
        """
    def find(self, prompt: str) -> Tensor | None: ...
    def store(self, prompt: str, states: Tensor) -> None: ...
    def path(self, prompt: str) -> Path: ...

class VideoVAE(_Network):
    """A causal video autoencoder: 4k + 1 frames become k + 1 latent frames.

    Videos are (B, 3, T, H, W) in [-1, 1], latents (B, z, T_l, h, w), normalised per channel.
    """

    def encode(
        self,
        video: Tensor,
        tiled: bool = False,
        tile_size: tuple[int, int] = (34, 34),
        tile_stride: tuple[int, int] = (18, 16),
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Tensor:
        """Normalised latents of a video; one frame is a picture.

        tiled: encode overlapping tiles and blend them; tile_size and tile_stride are (height, width) in latents. progress
        is called with (latent frames done, all), each tile counting its own; False from it stops.
        """
    def decode(
        self,
        latents: Tensor,
        clamp: bool = True,
        tiled: bool = False,
        tile_size: tuple[int, int] = (34, 34),
        tile_stride: tuple[int, int] = (18, 16),
        progress: Callable[[int, int], bool | None] | None = None,
    ) -> Tensor:
        """Video of normalised latents, cut to [-1, 1] unless clamp is False."""
    def latent_frames(self, frames: int) -> int: ...
    def frames(self, latent_frames: int) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def spatial_stride(self) -> int: ...
    @property
    def temporal_stride(self) -> int: ...

class PatchVAE(VideoVAE):
    """Linear causal video codec: each patch of 4 frames x 8 x 8 pixels times one matrix.

    config: channels (48), spatial_patch (8), temporal_patch (4), kind ("patch"), all optional.
    """

    def __init__(self, config: _Config = ..., tensors: Mapping[str, Tensor] | None = None) -> None: ...

class WanVAE(VideoVAE):
    """Wan's causal video autoencoder, 2.2 (48 channels, 4 x 16 x 16) or 2.1 (16 channels, 4 x 8 x 8).

    config: version ("2.2" or "2.1"), dim, dec_dim, z_dim, dim_mult, num_res_blocks, attn_scales, temporal_downsample, mean,
    std, all optional: the published sizes by default. Parameters carry the published names, in dtype (float32). tensors: as
    for WanTransformer.
    """

    def __init__(
        self, config: _Config = ..., tensors: Mapping[str, Tensor] | None = None, dtype: dtype | None = None
    ) -> None: ...
    def encoder(self) -> WanVAEEncoder:
        """Encodes a video as it comes in: the same bits for any grouping of the frames."""
    def decoder(self, clamp: bool = True) -> WanVAEDecoder:
        """Decodes latents as they come in: the same bits for any grouping of the latent frames."""

class WanVAEEncoder:
    """Encodes a video as it comes in: the same bits for any grouping of the frames."""

    def push(self, frames: Tensor) -> Tensor:
        """Takes the next frames (B, 3, n, H, W) and returns the latents (B, z, m, h, w) that are complete now."""
    @property
    def pending(self) -> int:
        """Frames that wait for the rest of their group."""

class WanVAEDecoder:
    """Decodes latents as they come in: the same bits for any grouping of the latent frames."""

    def push(self, latents: Tensor) -> Tensor:
        """Takes the next latents (B, z, m, h, w) and returns their frames (B, 3, n, H, W)."""

def convert_weights(
    input: _Path,
    output: _Path,
    *,
    dtype: dtype | None = None,
    names: str = "wan",
    lora: Sequence[tuple[_Path, float]] = ...,
    shard_bytes: int | None = None,
    part: str = "",
    progress: Callable[[int, int], object] | None = None,
) -> list[Path]:
    """Writes weights of any kind that load_tensors reads as safetensors, tensor by tensor; returns the files.

    dtype: of all floating-point tensors. names: "wan" gives known networks Wan's names, "as-is" keeps them. lora: (file,
    scale) pairs to be merged into a transformer. shard_bytes: most data of a file; more goes into shards with an index.
    progress and part are those of load_tensors. All files appear complete or none does.
    """

def wan_transformer_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under Wan's names: prefixes such as "pipe.dit." or "module." are taken off, diffusers' names renamed.

    Other names stay as they are; nothing is copied. Raises FormatError if two tensors get the same name.
    """

def wan_config_from_tensors(tensors: Mapping[str, Tensor], head_dim: int = 128) -> _Config:
    """The config of the WanTransformer that tensors with Wan's names belong to, as their shapes say.

    head_dim: channels of a head where no published model fits, which no shape tells. Raises FormatError naming a tensor
    that is missing or has other axes.
    """

def with_camera_layers(
    tensors: Mapping[str, Tensor], config: _Config, notice: Callable[[str], object] | None = None
) -> dict[str, Tensor]:
    """The tensors and those of the config's camera layers that they lack: cam_encoder zero, projector the identity.

    notice is called with one sentence if any were added.
    """

def wan_vae_from_diffusers(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of diffusers' AutoencoderKLWan under the published names."""

class PatchVAEFit:
    """Fits a PatchVAE in closed form: the principal components of the patches of all videos added."""

    def __init__(self, config: _Config = ...) -> None: ...
    def add(self, video: Tensor, weight: float = 1.0) -> None:
        """Adds the patches of a video (B, 3, 4k + 1, H, W) in [-1, 1], each counted weight times."""
    def solve(self, channels: int = 48, std_power: float = 0.5) -> PatchVAE:
        """The PatchVAE of the leading components; latents are divided by their deviation to the power std_power."""

class Tokenizer:
    """SentencePiece tokenizer with T5's conventions: end of sentence, padding.

    lower_case: capitals A-Z become small first. truncate: cut over-long prompts instead of raising ValueError.
    cleaning: of prompts, as in clean_prompt().
    """

    def __init__(
        self, path: _Path, lower_case: bool = False, truncate: bool = False, cleaning: str = "whitespace"
    ) -> None: ...
    @overload
    def encode(self, prompt: str, length: int) -> tuple[Tensor, Tensor]:
        """ids and mask, (1, length) int64 each."""
    @overload
    def encode(self, prompts: Sequence[str], length: int) -> tuple[Tensor, Tensor]:
        """ids and mask of a batch, (B, length) int64 each."""
    def pieces(self, prompt: str) -> list[str]: ...
    @property
    def vocab(self) -> int: ...

class VideoReader:
    """Frames of a video by number or time: only the packets they need are decoded, only they are converted.

    threads: of the decoder in each call, 0 for one a core. index_folder: keeps the list of the file's packets, which
    opening makes without decoding, for later processes; without it, it is kept in memory. May be used from several threads.
    Raises FormatError naming the file if it is missing, not a video, damaged, cut short or without a frame.
    """

    def __init__(self, path: _Path, *, threads: int = 1, index_folder: Union[_Path, None] = None) -> None: ...
    def __len__(self) -> int: ...
    @property
    def path(self) -> Path: ...
    @property
    def frames(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def fps(self) -> float:
        """Frames per second; 0 if the file does not say."""
    @property
    def times(self) -> NDArray[np.float64]:
        """When each frame is shown [s], (T,); empty if the file does not say."""
    def frames_at(self, seconds: ArrayLike, tolerance: float) -> NDArray[np.int64]:
        """The frame nearest to each time [s]. Raises ValueError if one is further away than the tolerance [s]."""
    def read(self, frames: ArrayLike, size: Union[tuple[int, int], None] = None) -> NDArray[np.uint8]:
        """Frames by number, any order, as (T, H, W, 3) uint8 RGB.

        size: (height, width); the pictures are centre-cropped to its aspect ratio and resized as
        Camera.center_crop_resize does with their cameras. Raises ValueError if a number is out of range, FormatError
        naming the file and the frame if it is damaged.
        """

class FlowMatchSchedule:
    """Flow-matching schedule with Euler steps: x_sigma = (1 - sigma) x_0 + sigma noise, sigma falling from 1."""

    def __init__(
        self,
        steps: int,
        shift: float = 5.0,
        sigma_min: float = 0.0,
        extra_one_step: bool = True,
        strength: float = 1.0,
    ) -> None: ...
    @staticmethod
    def from_sigmas(sigmas: Tensor, whole_timesteps: bool = False) -> FlowMatchSchedule:
        """A schedule of any noise levels (steps,) that fall within (0, 1]."""
    @staticmethod
    def for_solver(
        solver: str, steps: int, shift: float = 5.0, whole_timesteps: bool = False
    ) -> FlowMatchSchedule:
        """The noise levels that public implementations use with "euler", "unipc" or "dpm++2m"."""
    @property
    def steps(self) -> int: ...
    @property
    def sigmas(self) -> Tensor:
        """(steps,) noise levels, falling"""
    @property
    def timesteps(self) -> Tensor:
        """(steps,) 1000 sigma"""
    @property
    def training_weights(self) -> Tensor:
        """(steps,) weights of the training loss, of mean 1"""
    def sigma(self, index: int) -> float: ...
    def nearest(self, timestep: float) -> int: ...
    def step(self, prediction: Tensor, index: int, latents: Tensor) -> Tensor:
        """One Euler step along a velocity of the latents' shape."""
    @overload
    def add_noise(self, latents: Tensor, noise: Tensor, index: int) -> Tensor: ...
    @overload
    def add_noise(self, latents: Tensor, noise: Tensor, indices: Tensor) -> Tensor: ...

class DistributedError(RuntimeError):
    """Another process of the job has ended, hangs, or cannot be reached."""

class ProcessGroup:
    """The processes of one job. Every one calls the same collectives in the same order, with contiguous tensors."""

    @staticmethod
    def alone() -> ProcessGroup:
        """This process alone: every collective is the identity."""
    @staticmethod
    def from_environment(backend: str = "auto", timeout: float = 600.0) -> ProcessGroup:
        """The group that torchrun's variables describe; this process alone without them.

        backend: "gloo", "nccl" or "auto". timeout: of the start and of every collective [s].
        Raises ValueError naming a variable that is missing or wrong, DistributedError if the others do not come.
        """
    @staticmethod
    def adopt(name: str) -> ProcessGroup:
        """The group that torch.distributed made as `group.WORLD.group_name`. Raises ValueError if there is none."""
    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def backend(self) -> str:
        """One of "alone", "gloo", "nccl" and "cpu:gloo,cuda:nccl"."""
    def all_reduce(self, tensor: Tensor, op: str = "sum") -> None:
        """Replaces the tensor by its sum, mean, min or max over the processes."""
    def broadcast(self, tensor: Tensor, root: int = 0) -> None:
        """Replaces the tensor by that of rank `root`."""
    def barrier(self) -> None:
        """Returns when every process has called it."""
    def gather(self, text: str) -> list[str]:
        """Every rank's text, by rank, in every process."""

class StepCache:
    """A denoiser that calls another one in some steps only; not exact. Wrap the guided denoiser."""

    @staticmethod
    def cosine(denoiser: _Denoiser, rules: Sequence[tuple[float, int]] = ...) -> StepCache:
        """The release's: above a threshold of the last two predictions' cosine similarity, so many steps are skipped."""
    @staticmethod
    def easy(denoiser: _Denoiser, threshold: float = 0.05, warm_up: int = 3, longest: int = 10) -> StepCache:
        """EasyCache's criterion: the change of the prediction, estimated from the latents'."""
    @staticmethod
    def tea(
        denoiser: _Denoiser,
        threshold: float = 0.1,
        indicator: _Denoiser | None = None,
        polynomial: Sequence[float] = ...,
        warm_up: int = 3,
        longest: int = 10,
    ) -> StepCache:
        """TeaCache's criterion: the relative L1 change of indicator(latents, timestep), mapped by a polynomial."""
    def __call__(self, latents: Tensor, timestep: Tensor) -> Tensor: ...
    @property
    def evaluated(self) -> int:
        """Calls of the denoiser"""
    @property
    def reused(self) -> int:
        """Calls that were saved"""

class ActionHead(_Network):
    """The paper's optional action head: a small MLP on latents, cameras and decoded actions.

    config: views, channels, temporal_stride, latent_pool, hidden, layers, position_scale [m], all optional. A fresh head,
    after initialize(seed), leaves the decoded actions as they are. WorldModel.generate takes it as action_head.
    """

    def __init__(self, config: _Config = ...) -> None: ...
    @staticmethod
    def load(path: _Path) -> ActionHead:
        """Reads a file that save() wrote. Raises FormatError naming what is wrong in it."""
    def save(self, path: _Path) -> None:
        """Writes a safetensors file with the config in its metadata, complete or not at all."""
    def predict(
        self, latents: Tensor, rig: Rig, actions: ArrayLike, confidence: Sequence[float]
    ) -> NDArray[np.float64]:
        """Actions (T, 7) of a Rollout's latents (C, N, h, w), rig, decoded actions (T, 7) and confidence (T,)."""

class GenerateOptions:
    """What WorldModel.generate is asked for; action_images.model.WorldModel.generate documents it."""

    def __init__(self) -> None: ...
    def set_task(self, name: str) -> None: ...
    def set_actions(self, rows: ArrayLike) -> None: ...
    def set_first_action(self, row: ArrayLike) -> None: ...
    def set_view_actions(self, rows: ArrayLike, pixels_of: str) -> None: ...
    def set_action_views(self, views: Sequence[int]) -> None: ...
    def set_action_head(self, head: ActionHead) -> None: ...
    def set_frames(self, frames: int) -> None: ...
    def set_steps(self, steps: int) -> None: ...
    def set_guidance(self, guidance: float) -> None: ...
    def set_shift(self, shift: float) -> None: ...
    def set_negative_prompt(self, text: str) -> None: ...
    def set_seed(self, seed: int) -> None: ...
    def set_solver(self, name: str) -> None: ...
    def set_guidance_rescale(self, rescale: float) -> None: ...
    def set_guidance_interval(self, levels: tuple[float, float]) -> None: ...
    def set_step_cache(self, name: str) -> None: ...
    def set_step_cache_threshold(self, threshold: float) -> None: ...
    def set_sigma_min(self, sigma: float) -> None: ...
    def set_extra_one_step(self, extra: bool) -> None: ...
    def set_tile_size(self, size: tuple[int, int]) -> None: ...
    def set_tile_stride(self, stride: tuple[int, int]) -> None: ...

class PromptEncoder:
    """The text encoder and tokenizer of a world model alone; see action_images.model.PromptEncoder."""

    def __init__(self, model: _Path, **options: Any) -> None:
        """options: what action_images.model.WorldModel.load takes, as its `_loading.options` prepares it."""
    def encode(self, prompts: Sequence[str]) -> Tensor:
        """States (B, L, D) of prompts on the CPU; padding rows are zero."""

class VideoWriter:
    """A video (height, width) [px] written piece by piece; the file appears under its name in finish(), or not at all.

    fps: frames per second; crf: 0 best, 51 worst; keyframes: most frames from one keyframe to the next, 0: the encoder's
    own. As a context manager it finishes at the end of a block that does not fail. Raises ShapeError or ValueError for a
    size or an option out of range, FormatError if the file cannot be written.
    """

    def __init__(
        self,
        path: _Path,
        height: int,
        width: int,
        *,
        fps: float = 30.0,
        crf: float = 18.0,
        codec: str = "libx264",
        pixel_format: str = "yuv420p",
        keyframes: int = 0,
    ) -> None: ...
    def add(self, frames: NDArray[np.uint8]) -> None:
        """Appends frames (T, height, width, 3)."""
    def finish(self) -> None:
        """Completes the file and gives it its name."""
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...

class WorldModel:
    """A loaded world model: arrays in, a dict of arrays out; see action_images.model.WorldModel."""

    def __init__(self, model: _Path, **options: Any) -> None:
        """options: what action_images.model.WorldModel.load takes, as its `_loading.options` prepares it."""
    def encode_prompts(self, prompts: Sequence[str]) -> Tensor:
        """States (B, L, D) of prompts on the CPU; padding rows are zero."""
    def transformer_state(self) -> dict[str, Tensor]:
        """Parameters of the transformer by name; they share memory with the model."""
    @property
    def config(self) -> str:
        """The model's config.json as text"""
    def generate(
        self,
        images: Sequence[NDArray[np.uint8]],
        prompt: str,
        rig: Rig,
        options: GenerateOptions = ...,
        progress: Callable[[int, int], Any] | None = None,
        stage_progress: Callable[[str, int, int], Any] | None = None,
    ) -> dict[str, Any]: ...

def check_train_config(config: str) -> None: ...
def clean_prompt(prompt: str, cleaning: str = "whitespace", keep_punctuation: str = "") -> str:
    """A prompt as Wan's tokenizer cleans it.

    cleaning: "whitespace" (glyphs repaired as by ftfy, HTML entities decoded, every run of white space one space, none
    at the ends), "lower" (the same in small letters), "canonicalize" (the same, underscores are spaces, no ASCII
    punctuation but keep_punctuation, which stays where it is found), or "none".
    """

def clip_pixels(images: Tensor, size: int) -> Tensor:
    """Images (B, 3, H, W) in [-1, 1] resized to (B, 3, size, size) and normalised as CLIP takes them."""

def denoise(
    schedule: FlowMatchSchedule,
    denoiser: _Denoiser,
    noise: Tensor,
    clean: Tensor | None = None,
    keep: Tensor | None = None,
    progress: Callable[[int, int], Any] | None = None,
    solver: str = "euler",
) -> Tensor:
    """Integrates the flow from noise (B, ...) to clean latents; denoiser(latents, timestep (B,)) returns a velocity."""

def encode_tensor(
    actions: Tensor,
    rig: TensorRig,
    convention: str = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
) -> Tensor:
    """Action images (..., V, T, H, W, 3) of actions (..., T, 7); see action_images.model.encode_tensor."""

def decode_tensor(
    images: Tensor,
    rig: TensorRig,
    convention: str = "paper",
    sigma: float | None = None,
    axis_length: float = 0.1,
    depth: float | None = None,
    plane: Sequence[float] | None = None,
    min_confidence: float = 0.001,
) -> TensorDecoded:
    """Actions of action images (..., V, T, H, W, 3); see action_images.model.decode_tensor."""

def file_fingerprint(path: _Path) -> str:
    """Names a file's contents quickly: SHA-1 of its size and of blocks spread over it."""

def guide(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """Classifier-free guidance: unconditional + scale (conditional - unconditional)."""

def guided(
    conditional: _Denoiser,
    unconditional: _Denoiser,
    scale: float,
    rescale: float = 0.0,
    interval: tuple[float, float] = (0.0, 1.0),
) -> _Denoiser:
    """A denoiser that guides one with another, on noise levels within the interval."""

def inspect_weights(path: _Path, part: str = "") -> str:
    """What is in weights, as the text of a JSON object; see action_images.model.inspect_weights."""

def load_tensors(
    path: _Path,
    dtype: dtype | None = None,
    device: Union[device, str, None] = None,
    progress: Callable[[int, int], object] | None = None,
    part: str = "",
) -> dict[str, Tensor]:
    """Tensors by name of a safetensors file, a file of torch.save, an index of shards, or a folder with one of these.

    Those that keep dtype and device are mapped, not copied, and writing to them leaves the file as it is. dtype: of all
    floating-point tensors; device: of all; the others are read one by one, and no more than one of them is in memory
    beside the result. progress is called with (bytes done, all); False from it, or an exception, stops. part: which of
    several state dicts in a file of torch.save, as "ema" or "state/model". Nothing in a file is executed.

    Raises FormatError, naming the file and the tensor, if a file does not keep its format; ValueError for a dtype that is
    no floating-point one, or a device that is not there.
    """

def merge_lora(
    tensors: Mapping[str, Tensor], lora: Union[_Path, Mapping[str, Tensor]], scale: float = 1.0
) -> dict[str, Tensor]:
    """The tensors of a transformer, under Wan's names, with a LoRA merged into them: W + scale alpha / rank B A.

    lora: a file, PEFT's folder, or a dict of its tensors, under the names of PEFT, diffusers, the published networks or
    kohya. Raises FormatError listing all names that do not fit; DoRA is refused.
    """

def read_image(path: _Path) -> NDArray[np.uint8]:
    """A picture as (H, W, 3) uint8 RGB. Raises FormatError naming a file that is no complete picture."""

def read_pickle_data(
    path: _Path, *, classes: Sequence[str] = (), offset: int = 0, largest: int = 4 << 30
) -> Any:
    """Plain data that Python pickled, protocols 2 to 5. Nothing is imported or called.

    None, truth values, numbers, texts, bytes, lists (also of tuples and of arrays of objects), dicts with texts or whole
    numbers as keys, arrays and scalars of numpy. An object of one of `classes`, as "rlbench.demo.Demo", becomes a dict of
    its attributes with its class's name under "__class__". What the pickle shares is one value here too. offset: where
    in the file the pickle begins [byte]; largest: longest pickle [byte].

    Raises FormatError, naming the file, on anything else: another global, a cycle, an array that is not its shape's size.
    """

def read_video(path: _Path, first: int = 0, frames: int | None = None) -> NDArray[np.uint8]:
    """A video, or at most `frames` of its frames from `first` on, as (T, H, W, 3) uint8 RGB."""

def rescale_guided(guided: Tensor, conditional: Tensor, rescale: float) -> Tensor:
    """Brings the standard deviation of a guided prediction back to the conditional one's, by a fraction."""

def sample_from_velocity(velocity: Tensor, latents: Tensor, sigma: float) -> Tensor:
    """Clean sample that a velocity leads to: latents - sigma velocity."""

def save_tensors(path: _Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] = ...) -> None:
    """Writes a dict of tensors as a safetensors file, which appears complete or not at all."""

def seeded_noise(shape: Sequence[int], seed: int) -> Tensor:
    """Standard normal float32 noise on the CPU, equal for equal seeds."""

def tensors_metadata(path: _Path) -> dict[str, str]:
    """Free texts of a safetensors file's header."""

def train(
    config: str, output: str, listener: Callable[[str], bool] | None = None, group: str | None = None
) -> bool:
    """Trains a world model from JSON text; see action_images.model.train."""

def velocity_from_sample(sample: Tensor, latents: Tensor, sigma: float) -> Tensor:
    """Velocity that leads to a predicted clean sample: (latents - sample) / sigma."""

def wan_negative_prompt() -> str:
    """The negative prompt that Wan's public pipelines take by default: a Chinese list of flaws."""

def world_preset(name: str) -> _Config:
    """The config of a published world model as a dict, as WorldModel.config has it: "action-images-5b" and others.

    Raises ValueError, listing the names, if there is none of that name.
    """

def train_action_head(
    model: WorldModel,
    data: str | Sequence[tuple[Any, float]],
    options: str,
    progress: Callable[[str, int, int, float], Any] | None = None,
) -> ActionHead | None:
    """Trains an ActionHead; action_images.model.train_action_head documents it. options: JSON text. None if the progress
    callback stopped it."""

def train_vae(
    model: WorldModel,
    data: str | Sequence[tuple[Any, float]],
    output: _Path,
    options: str,
    perceptual: Callable[[Tensor, Tensor], Tensor] | None = None,
    progress: Callable[[dict[str, float]], Any] | None = None,
) -> bool:
    """Trains a copy of the model's VAE; action_images.model.train_vae documents it. options: JSON text."""

def world_preset_names() -> list[str]:
    """Names of world_preset()."""

def write_image(path: _Path, image: NDArray[np.uint8]) -> None:
    """Writes (H, W, 3) uint8 as PNG; the file appears complete or not at all."""

def write_video(
    path: _Path,
    frames: NDArray[np.uint8],
    fps: float = 30.0,
    crf: float = 18.0,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
) -> None:
    """Writes (T, H, W, 3) uint8 RGB as H.264 (crf 0 best, 51 worst); the file appears complete or not at all."""

def add_episode_kind(kind: str, open: Callable[[str], Any]) -> None:
    """Makes specs "kind:path" known; see action_images.data.add_kind."""

def check_source(
    source: Any, read_pictures: bool, threads: int, progress: Callable[[int, int], Any] | None
) -> dict[str, Any]:
    """Reads every episode and counts; see action_images.data.check_source."""

def clip_seed(seed: int, index: int) -> int:
    """The seed of clip `index` of a data set."""

def cut_clip(episode: Episode, options: WindowOptions, seed: int) -> Clip:
    """A clip of an episode; all draws follow from the seed."""

def episode_kinds() -> list[str]:
    """The kinds of data sets that specs may name, sorted."""

def episode_source(source: Any) -> EpisodeSource:
    """The native source of a spec, or of an object with __len__ and __getitem__."""

def joined_episodes(sources: Sequence[Any]) -> EpisodeSource:
    """Several data sets one after the other."""

def video_frames(path: _Path, first: int = 0) -> FrameSource:
    """Frames of a video file, from `first` on: an episode may be a part of a file. It is opened when frames are read."""

def write_native(
    source: Any,
    folder: _Path,
    *,
    crf: float,
    lossless: bool,
    size: tuple[int, int],
    threads: int,
    progress: Callable[[int, int], Any] | None,
) -> None:
    """Writes a data set in the native layout; see action_images.data.write_native."""
