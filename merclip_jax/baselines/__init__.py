"""What every model must beat: published networks on optical flow, and a regression on a grid."""
