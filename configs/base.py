"""Every field of a run, with its default and what it means. Other configs are deltas of this one.

The returned config is locked: a field that is not listed here cannot be set, here or on the
command line (`--config.recipe.epochs=3`).
"""

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """The defaults of every run, locked."""
    config = ConfigDict()
    config.seeds = (0,)  # one complete leave-one-subject-out run per seed

    config.data = data = ConfigDict()
    data.dataset = "synthetic_me"  # a folder of tfds_builders, or several: 'casme2+samm+smic'
    data.builder_config = ""  # the builder's variant ('' = its first); 'smic=hs_raw' of several
    data.protocol = "synthetic/3"  # which clips and classes: python -m merclip_jax.protocols --list
    data.manual_dir = ""  # the corpus as its owner distributes it; of several, a folder per corpus
    data.data_dir = "data"  # where prepared datasets and packed clips are kept
    data.frames = 16  # frames that the model sees of each clip
    data.image_size = 224  # pixels: side of the square that the model sees
    data.crop = "owner"  # of it: 'owner': short side resized, centre cropped; 'aligned': the face
    # upright in the middle, one transform per clip; 'none': the whole frame, with black borders
    data.temporal = "uniform"  # 'uniform': spread over the clip; 'first': its first frames
    data.motion = "full"  # 'full', or 'none': every frame is the onset frame (a sanity check)
    data.placement = "auto"  # where packed clips live: 'auto', 'device', 'host' or 'memmap'

    config.model = model = ConfigDict()
    model.system = "merclip"  # or 'micro_au': action units first, emotions from them by rule
    model.variant = "b16"  # sizes: "b16", "l14" or "tiny" (see models/config.py)
    model.patch_size = 0  # pixels; 0 = the variant's
    model.init_from = ""  # a directory of saved weights; "" = random weights
    model.init_head = False  # take the emotion head too; the release starts a new one
    model.motion_start = False  # random weights: the first layer sees differences of frames only
    model.head = "inference"  # Emotion Inference Module, or 'linear': a classifier alone
    model.video_arms = True  # local and global blocks; False: CLIP's tower on single time steps
    model.freeze_image = False  # train the arms and the head only, not what CLIP's tower brought
    model.drop_path = 0.0  # stochastic depth of the last block; the release's LOSO runs: 0.2
    model.global_drop_path = 0.0  # of the last global block; the release's LOSO runs: 0.4
    model.remat = (
        False  # recompute activations in the backward pass: a third more time, less memory
    )
    model.dtype = "auto"  # compute: 'float32', 'bfloat16'; auto = float32 on CPU, else bfloat16

    config.au = au = ConfigDict()  # Micro-AU CLIP alone reads these
    au.units = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17)  # action units that are told
    au.sides = "merged"  # or 'kept': left and right are two units
    au.emotion = "rules"  # how it is read off the units; 'text': which emotion's name is nearest
    au.rules = ""  # a file of emotion rules; "" = merclip_jax/au/emotion_rules.yaml
    au.threshold = "zero"  # or 'inner': thresholds and calibration from inner subjects
    au.heads = 4  # of both attentions
    au.regions = True  # a unit sees its own region; False: the whole face
    au.dependency = True  # units hear of each other (GDA)
    au.text = True  # units are told by sentences; False: by learnt vectors
    au.visual_weight = 0.5  # MiAUCL: clips in the same state attract
    au.naming_weight = 0.1  # MiAUCL: a moving unit is nearest to its own sentence
    au.dependency_weight = 0.1  # GDLoss
    au.dependency_form = "correlation"  # or 'instance'
    au.eye_distance = 0.0  # between the pupils, over the picture's side; 0 = 0.31, aligned 0.27
    au.eye_height = 0.39  # of the eyes, from the top, over the picture's side

    config.text = text = ConfigDict()
    text.style = "ours"  # wording of the sentences: 'ours' or 'released'
    text.content = "action_units"  # or 'emotions': clips are aligned with their class's name
    text.trainable = False  # train the text tower too (it then joins every step)

    config.recipe = recipe = ConfigDict()
    recipe.epochs = 55
    recipe.batch_size = 8  # clips per fold and step, over all devices
    recipe.accumulate = 1  # steps whose mean gradient makes one update
    recipe.learning_rate = 5e-5  # peak, after warm-up
    recipe.lr_reference_batch = 0  # the release scales by batch / 128; 0 = use the rate as given
    recipe.warmup_epochs = 5
    recipe.weight_decay = 0.05
    recipe.decay_form = "sound"  # what is decayed: 'sound' (matrices) or 'released'
    recipe.clip_norm = 20.0  # global L2 norm of the gradient
    recipe.doubling = 0  # steps in which a growing training side doubles; 0 = all of it at once
    recipe.balanced = True  # class-balanced batches; False = plain shuffle
    recipe.alignment_start = 2.0  # weight of the alignment loss in epoch 0 ...
    recipe.alignment_end = 1.0  # ... and where it tends to; the emotion loss gets the rest
    recipe.alignment_total = 2.0  # what the two weights sum to
    recipe.alignment_positives = "same_sentence"  # or 'released': only the clip itself
    recipe.focal_gamma = 2.0

    config.augment = augment = ConfigDict()
    augment.augmix = True
    augment.flip = False  # mirrors left and right, which AU sentences name
    augment.color = True
    augment.face_mix = 0.5  # probability of LocalStaticFaceMix; 0 = never
    augment.face_mix_alpha = 0.5  # weight of the other person's still face

    config.folds = folds = ConfigDict()
    folds.scheme = "protocol"  # its own; or 'loso', 'lodo' (a dataset out), 'official', 'hold_out'
    folds.parallel = 0  # folds trained at once; 0 = auto (1 on CPU)

    config.parallel = parallel = ConfigDict()
    parallel.form = "jit"  # 'jit' over a ('fold', 'data') mesh, or 'pmap' (data parallel)
    parallel.devices = 0  # devices to use; 0 = all
    parallel.coordinator = ""  # several processes: 'host:port' of the first; 'auto' on a TPU pod
    parallel.processes = 1  # how many there are, unless 'auto'
    parallel.process = 0  # which one this is

    config.eval = evaluation = ConfigDict()
    evaluation.selection = "last"  # which epoch predicts: 'last'; 'inner', the best on subjects of
    # the training side set aside for it; 'paper', also shows the best on the test subject itself
    evaluation.allow_seen = False  # start from weights that were trained on tested subjects
    evaluation.batch_size = 16

    config.checkpoint = checkpoint = ConfigDict()
    checkpoint.every_epochs = 1
    checkpoint.keep = 2  # newest checkpoints kept per fold while it trains
    checkpoint.keep_finished = True  # keep the last one of a finished fold
    checkpoint.export = False  # also save the model of each fold, to predict with or start from

    return config.lock()


def released_loso(learning_rate: float) -> ConfigDict:
    """The recipe of the MER-CLIP release (@31037e9) for one corpus, one subject left out.

    The rate is the one of the release's files; what is really applied is rate * batch / 128, as
    there: two GPUs of 8 clips make 16. Without `model.init_from` the model is small and starts at
    random, which shows that a corpus is read and every fold runs; for scores that mean something
    give weights, whose sizes then count.
    """
    config = get_config().unlock()
    config.model.variant = "tiny"
    config.model.patch_size = 16
    config.model.drop_path = 0.2
    config.model.global_drop_path = 0.4
    config.recipe.batch_size = 16
    config.recipe.learning_rate = learning_rate
    config.recipe.lr_reference_batch = 128
    return config.lock()
