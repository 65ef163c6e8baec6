"""What frames come from: video files, folders of pictures, lists of them."""
