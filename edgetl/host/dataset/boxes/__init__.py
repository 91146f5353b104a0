"""Detection data sets: photos with boxes, in Pascal VOC, COCO, YOLO or CSV."""
