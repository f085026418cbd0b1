"""What the examples share: SciPy's L-BFGS-B and Torch's own Adam as rivals, and pictures.

For both, fun gives f and its gradient: a list of arrays if x0 is one, real or complex.
"""

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.optimize import minimize


def l_bfgs_b(fun, x0, evaluations):
    """f at its end, found on one vector of all real and imaginary parts."""
    ends = np.cumsum([part.view(float).size for part in x0])[:-1]

    def joined(parts):
        return np.concatenate([part.view(float).ravel() for part in parts])

    def flat(vector):
        pieces = zip(np.split(vector, ends), x0, strict=True)
        f, g = fun([piece.view(part.dtype).reshape(part.shape) for piece, part in pieces])
        return f, joined(g)

    options = {"maxiter": evaluations, "maxfun": evaluations}
    return minimize(flat, joined(x0), jac=True, method="L-BFGS-B", options=options).fun


def adam(fun, x0, rates, decay, calls, beta2=0.999):
    """Its x at the end, an array or a list as x0; step t moves each array by its rate * decay(t).

    calls : for each step what fun is called with beside x
    """
    listed = isinstance(x0, list)
    x = [torch.tensor(part) for part in (x0 if listed else [x0])]
    groups = [{"params": [part], "lr": rate} for part, rate in zip(x, rates, strict=True)]
    optimizer = torch.optim.Adam(groups, betas=(0.9, beta2))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: decay(done + 1))
    arrays = [part.numpy() for part in x]  # of the same memory
    for arguments in calls:
        _, gradients = fun(arrays if listed else arrays[0], *arguments)
        for part, g in zip(x, gradients if listed else [gradients], strict=True):
            part.grad = torch.from_numpy(g)
        optimizer.step()
        schedule.step()
    return arrays if listed else arrays[0]


def draw_images(picture, label, images, **how):
    """Titled images beside each other, on one scale; CuPy's are brought to the host."""
    images = {title: getattr(image, "get", image.view)() for title, image in images.items()}
    figure = Figure(figsize=(3.2 * len(images), 3), layout="constrained")
    low, high = min(map(np.min, images.values())), max(map(np.max, images.values()))
    axes = figure.subplots(1, len(images), squeeze=False)[0]
    for place, (title, image) in zip(axes, images.items(), strict=True):
        shown = place.imshow(image, vmin=low, vmax=high, **how)
        place.set(title=title, xticks=[], yticks=[])
    figure.colorbar(shown, ax=axes, label=label)
    figure.savefig(picture, dpi=100)
